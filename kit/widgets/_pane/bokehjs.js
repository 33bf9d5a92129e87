// Starts BokehJS in the page, from the state of a widget (assets.py).

async function loadBokeh(model) {
  const reference = model.get("_bokehjs").replace("IPY_MODEL_", "");
  const assets = await model.widget_manager.get_model(reference);
  const version = assets.get("version");
  const present = () => window.Bokeh?.[version] ?? (window.Bokeh?.version === version && window.Bokeh);
  const loading = (window.__markersKitBokehJS ??= new Map());
  if (!present() && !loading.has(version)) loading.set(version, evaluate(assets.get("code")));
  try {
    await loading.get(version);
  } catch (error) {
    loading.delete(version); // the next view tries again
    throw error;
  }
  if (!present()) throw new Error(`BokehJS ${version} did not start`);
  return { Bokeh: present(), twins: assets.get("twins") };
}

async function evaluate(code) {
  if (!code?.byteLength) throw new Error("its code did not arrive with the widget");
  const unpacked = new Blob([code]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(unpacked).text();
  // BokehJS looks for module loaders, and a page may have one that is not meant for it.
  const wrapped = ["(function(define, module, exports) {", source, "\n}).call(window);"];
  const url = URL.createObjectURL(new Blob(wrapped, { type: "text/javascript" }));
  const script = document.createElement("script");
  try {
    await new Promise((resolve, reject) => {
      script.onload = resolve;
      script.onerror = () => reject(new Error("the page does not allow its script to run"));
      script.src = url;
      document.head.append(script);
    });
  } finally {
    script.remove();
    URL.revokeObjectURL(url);
  }
}
