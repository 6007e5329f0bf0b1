"use strict";
(async () => {
  const control = (name) => document.getElementById(name);
  const readout = control("readout");
  const viewer = control("viewer");
  const GAP = 8, TALLEST = 520, NARROW = 600; // CSS pixels
  const LEAST_SHOWN = 13; // of 255: an uncertainty of 0.05
  const RAMP = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]; // as page.css

  const unpacked = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const clamped = (value, size) => Math.min(Math.max(value, 0), size - 1);

  // Between a count of pixels and the voxels under them along one axis, as offsets into a volume.
  const sampled = (count, size, stride, backwards) => {
    const low = new Int32Array(count), step = new Int32Array(count), nearest = new Int32Array(count);
    const weight = new Float32Array(count);
    for (let pixel = 0; pixel < count; pixel++) {
      const along = ((backwards ? count - 1 - pixel : pixel) + 0.5) * size / count - 0.5;
      const place = clamped(along, size), below = Math.floor(place);
      low[pixel] = below * stride;
      step[pixel] = below + 1 < size ? stride : 0;
      weight[pixel] = place - below;
      nearest[pixel] = Math.round(place) * stride;
    }
    return { low, step, nearest, weight };
  };

  const ramp = () => {
    const colours = new Uint8Array(256 * 3);
    for (let level = 0; level < 256; level++) {
      const place = level / 255 * (RAMP.length - 1), below = Math.min(Math.floor(place), RAMP.length - 2);
      for (let part = 0; part < 3; part++)
        colours[3 * level + part] = RAMP[below][part] + (place - below) * (RAMP[below + 1][part] - RAMP[below][part]);
    }
    return colours;
  };

  try {
    const data = JSON.parse(control("viewer-data").textContent);
    const [scan, labels, uncertainty] = await Promise.all([data.scan, data.labels, data.uncertainty].map(unpacked));
    const { shape, spacing_mm, window: [black, white] } = data;
    const strides = [1, shape[0], shape[0] * shape[1]];
    const at = [...data.start];
    const tissueColours = Uint8Array.from(data.tissues.flatMap((tissue) => tissue.colour));
    const rampColours = ramp();
    // The planes stand as in the picture of the scan; letters: at the left, right, bottom, top.
    const planes = [
      { axis: 2, across: 0, up: 1, letters: "LRPA" },
      { axis: 1, across: 0, up: 2, letters: "LRIS" },
      { axis: 0, across: 1, up: 2, letters: "PAIS" },
    ].map((plane, index) => ({ ...plane, canvas: viewer.children[index] }));
    const extent = (axis) => shape[axis] * spacing_mm[axis];
    const mirrored = (plane) => plane.across === 0 && control("radiological").checked;

    // Where the tissues are outlined, each pixel beside one of another tissue is drawn.
    const outlined = (values, width, height) => {
      const border = new Uint8Array(values.length);
      for (let row = 0, pixel = 0; row < height; row++)
        for (let column = 0; column < width; column++, pixel++) {
          const value = values[pixel];
          if ((column > 0 && values[pixel - 1] !== value) || (column + 1 < width && values[pixel + 1] !== value) ||
              (row > 0 && values[pixel - width] !== value) || (row + 1 < height && values[pixel + width] !== value))
            border[pixel] = value;
        }
      return border;
    };

    // What lies on the scan: a value for each pixel, the colours of the values, the least one shown.
    const overlay = (offset, columns, rows, width, height) => {
      const layer = control("layer").value;
      if (layer === "none") return null;
      const volume = layer === "tissues" ? labels : uncertainty;
      let values = new Uint8Array(width * height);
      for (let row = 0, pixel = 0; row < height; row++)
        for (let column = 0; column < width; column++, pixel++)
          values[pixel] = volume[offset + rows.nearest[row] + columns.nearest[column]];
      const outline = layer === "tissues" && control("outline").checked;
      if (outline) values = outlined(values, width, height);
      return {
        values,
        colours: layer === "tissues" ? tissueColours : rampColours,
        least: layer === "tissues" ? 1 : LEAST_SHOWN,
        opacity: outline ? 1 : Number(control("opacity").value),
      };
    };

    const drawPixels = (plane, context, width, height) => {
      const { axis, across, up } = plane;
      const columns = sampled(width, shape[across], strides[across], mirrored(plane));
      const rows = sampled(height, shape[up], strides[up], true);
      const offset = at[axis] * strides[axis];
      const over = overlay(offset, columns, rows, width, height);
      const picture = context.createImageData(width, height);
      for (let row = 0, pixel = 0; row < height; row++)
        for (let column = 0; column < width; column++, pixel++) {
          const place = offset + rows.low[row] + columns.low[column];
          const right = columns.step[column], above = place + rows.step[row];
          const lower = scan[place] + columns.weight[column] * (scan[place + right] - scan[place]);
          const upper = scan[above] + columns.weight[column] * (scan[above + right] - scan[above]);
          const grey = lower + rows.weight[row] * (upper - lower);
          const value = over ? over.values[pixel] : 0;
          const opacity = over && value >= over.least ? over.opacity : 0;
          for (let part = 0; part < 3; part++)
            picture.data[4 * pixel + part] = grey + opacity * ((over ? over.colours[3 * value + part] : 0) - grey);
          picture.data[4 * pixel + 3] = 255;
        }
      context.putImageData(picture, 0, 0);
    };

    const drawMarks = (plane, context, width, height, ratio) => {
      const { across, up, letters } = plane;
      const along = (at[across] + 0.5) / shape[across] * width;
      const x = Math.floor(mirrored(plane) ? width - along : along) + 0.5;
      const y = Math.floor(height - (at[up] + 0.5) / shape[up] * height) + 0.5;
      const free = 6 * ratio;
      context.strokeStyle = "rgb(255 204 26 / 90%)";
      context.lineWidth = Math.round(ratio);
      context.beginPath();
      for (const [x1, y1, x2, y2] of [[0, y, x - free, y], [x + free, y, width, y], [x, 0, x, y - free], [x, y + free, x, height]]) {
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
      }
      context.stroke();
      const [left, right, bottom, top] = letters;
      const sides = mirrored(plane) ? [right, left, bottom, top] : [left, right, bottom, top];
      const edge = 10 * ratio;
      const places = [[edge, height / 2], [width - edge, height / 2], [width / 2, height - edge], [width / 2, edge]];
      context.font = `${14 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineWidth = 3 * ratio;
      context.strokeStyle = "black";
      context.fillStyle = "white";
      sides.forEach((letter, side) => {
        context.strokeText(letter, ...places[side]);
        context.fillText(letter, ...places[side]);
      });
    };

    const placed = (matrix) => matrix.slice(0, 3).map((row) => row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3]);
    const tell = () => {
      const voxel = at[0] + at[1] * strides[1] + at[2] * strides[2];
      const intensity = Number((black + scan[voxel] / 255 * (white - black)).toPrecision(3));
      const beyond = { 0: " or less", 255: " or more" }[scan[voxel]] ?? "";
      const mm = placed(data.to_mm).map((value) => value.toFixed(1));
      const inFile = placed(data.to_file).map((value) => Math.round(value));
      readout.textContent = `${data.tissues[labels[voxel]].name}, uncertainty ${(uncertainty[voxel] / 255).toFixed(2)}, ` +
        `intensity ${intensity}${beyond}; x ${mm[0]}, y ${mm[1]}, z ${mm[2]} mm; voxel ${inFile.join(", ")}`;
      readout.dataset.place = mm.join(" ");
    };

    const draw = () => {
      const ratio = window.devicePixelRatio || 1;
      for (const plane of planes) {
        const context = plane.canvas.getContext("2d"), { width, height } = plane.canvas;
        drawPixels(plane, context, width, height);
        drawMarks(plane, context, width, height, ratio);
      }
      tell();
    };

    // All planes to one scale, side by side where there is room.
    const arrange = () => {
      const room = viewer.clientWidth, ratio = window.devicePixelRatio || 1;
      const widths = planes.map((plane) => extent(plane.across)), heights = planes.map((plane) => extent(plane.up));
      const across = room < NARROW ? room / Math.max(...widths)
        : (room - GAP * (planes.length - 1)) / widths.reduce((sum, width) => sum + width);
      const scale = Math.min(across, TALLEST / Math.max(...heights));
      planes.forEach(({ canvas }, index) => {
        for (const [side, length] of [["width", widths[index]], ["height", heights[index]]]) {
          canvas[side] = Math.max(1, Math.round(length * scale * ratio));
          canvas.style[side] = `${canvas[side] / ratio}px`;
        }
      });
      draw();
    };

    const step = (axis, by) => {
      at[axis] = clamped(at[axis] + by, shape[axis]);
      draw();
    };
    for (const plane of planes) {
      const { axis, across, up, canvas } = plane;
      const point = (event) => {
        const along = event.offsetX / canvas.clientWidth, down = event.offsetY / canvas.clientHeight;
        at[across] = clamped(Math.floor((mirrored(plane) ? 1 - along : along) * shape[across]), shape[across]);
        at[up] = clamped(Math.floor((1 - down) * shape[up]), shape[up]);
        draw();
      };
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        point(event);
      });
      canvas.addEventListener("pointermove", (event) => event.buttons & 1 && point(event));
      canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        step(axis, -Math.sign(event.deltaY));
      }, { passive: false });
      canvas.addEventListener("keydown", (event) => {
        const right = mirrored(plane) ? -1 : 1;
        const moves = {
          ArrowRight: [across, right], ArrowLeft: [across, -right], ArrowUp: [up, 1], ArrowDown: [up, -1],
          PageUp: [axis, 1], PageDown: [axis, -1],
        };
        if (!(event.key in moves)) return;
        event.preventDefault();
        step(...moves[event.key]);
      });
    }
    const choose = () => {
      const layer = control("layer").value;
      control("legend-tissues").hidden = layer !== "tissues";
      control("legend-uncertainty").hidden = layer !== "uncertainty";
      draw();
    };
    control("opacity").addEventListener("input", draw);
    for (const name of ["outline", "radiological"]) control(name).addEventListener("change", draw);
    control("layer").addEventListener("change", choose);
    window.addEventListener("resize", arrange);
    arrange();
    choose();
    document.body.dataset.viewer = "ready";
  } catch (error) {
    document.body.dataset.viewer = "failed";
    readout.textContent = `The viewer cannot start in this browser (${error.message}); the picture above needs none of it.`;
  }
})();
