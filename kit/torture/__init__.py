"""Torture: what the markers promise, checked under all that can disturb them.

``python -m kit.torture --seconds 60`` churns one marker: readers that never rest, updaters that
never wait for a good moment. With ``--everything``, all kinds of disturbance at once.

==============  ==========================================================================
`churn`         one marker, its readers and its updaters, as the kernel's own rcutorture
`everything`    all disturbances at once, the watchdog, memory
`disturbances`  what happens, a class a kind
`recording`     a recorder under attack, and what it has to have counted
`world`         the markers, the counts, and the rests
==============  ==========================================================================
"""
