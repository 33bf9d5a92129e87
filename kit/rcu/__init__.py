"""x"""
from kit.rcu import models
from kit.rcu.judge import judge
from kit.rcu.parser import parse
