"use strict";
(async () => {
  const readout = document.getElementById("readout");
  const control = (name) => document.getElementById(name);
  const TISSUES = 1, UNCERTAINTY = 2;
  const NIFTI_INTENT_LABEL = 1002; // only such volumes are outlined
  const BARELY = 0.01; // at 0 the outlines vanish too

  const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

  const unpacked = (base64) => {
    const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  try {
    const data = JSON.parse(control("viewer-data").textContent);
    const script = document.createElement("script");
    script.textContent = await unpacked(data.niivue);
    document.head.append(script);

    const viewer = new niivue.Niivue({
      backColor: [0, 0, 0, 1],
      crosshairColor: [1, 0.8, 0.1, 0.9],
      crosshairWidth: 0.7,
      crosshairWidthUnit: "mm",
      dragAndDropEnabled: false,
      fontColor: [1, 1, 1, 1],
      fontMinPx: 16,
      isColorbar: false,
      loadingText: "",
      logLevel: "error",
      multiplanarLayout: niivue.MULTIPLANAR_TYPE.ROW,
      multiplanarPadPixels: 8,
      multiplanarShowRender: niivue.SHOW_RENDER.NEVER,
      sliceType: niivue.SLICE_TYPE.MULTIPLANAR,
    });
    await viewer.attachToCanvas(control("viewer"));
    const load = (name, base64, settings) =>
      niivue.NVImage.loadFromBase64({ name: `${name}.nii`, base64, cal_min: 0, cal_max: 255, ...settings });
    viewer.addVolume(await load("scan", data.scan, { colormap: "gray" }));
    const labels = await load("labels", data.labels, { opacity: 0 });
    labels.setColormapLabel(data.colours);
    labels.hdr.intent_code = NIFTI_INTENT_LABEL;
    viewer.addVolume(labels);
    viewer.addVolume(await load("uncertainty", data.uncertainty, { colormap: "inferno", opacity: 0, cal_min: 13 }));

    const show = () => {
      const opacity = Number(control("opacity").value);
      const layer = control("layer").value;
      const outline = control("outline").checked && layer === "tissues";
      viewer.setAtlasOutline(outline ? 1 : 0);
      viewer.setOpacity(TISSUES, layer !== "tissues" ? 0 : outline ? BARELY : opacity);
      viewer.setOpacity(UNCERTAINTY, layer !== "uncertainty" ? 0 : opacity);
      viewer.drawScene();
    };
    control("opacity").addEventListener("input", show);
    for (const name of ["layer", "outline"]) control(name).addEventListener("change", show);
    control("radiological").addEventListener("change", (event) => {
      viewer.setRadiologicalConvention(event.target.checked);
      viewer.drawScene();
    });
    viewer.onLocationChange = (location) => {
      const [, label, uncertainty] = location.values.map((volume) => volume.value);
      const tissue = data.colours.labels[Math.round(label)] ?? "outside";
      readout.textContent = `${tissue}, uncertainty ${(uncertainty / 255).toFixed(2)}`;
      readout.dataset.place = location.mm ? Array.from(location.mm, (mm) => mm.toFixed(1)).join(" ") : "";
    };
    show();
    viewer.createOnLocationChange();
    document.body.dataset.viewer = "ready";
  } catch (error) {
    document.body.dataset.viewer = "failed";
    readout.textContent = `The viewer cannot start in this browser (${error.message}); the picture above needs none of it.`;
  }
})();
