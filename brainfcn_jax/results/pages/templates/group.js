"use strict";
{
  const table = document.getElementById("scans");
  const headers = [...table.tHead.rows[0].cells];

  // Each scan is a body of its own: a row of numbers, then its picture and what is said of it.
  const keyOf = (body, column) => {
    const cell = body.rows[0].cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };

  // Scans without a value come last in either direction.
  const compare = (one, other, direction) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    if (typeof one === "number" && typeof other === "number") return direction * (one - other);
    return direction * String(one).localeCompare(String(other), undefined, { numeric: true });
  };

  headers.forEach((header, column) => {
    const button = header.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      headers.forEach((other) => other.hasAttribute("aria-sort") && other.setAttribute("aria-sort", "none"));
      header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      const bodies = [...table.tBodies].sort((a, b) => compare(keyOf(a, column), keyOf(b, column), direction));
      table.append(...bodies);
    });
  });

  document.getElementById("unclear").addEventListener("change", (event) => {
    for (const body of table.tBodies) body.hidden = event.target.checked && body.dataset.verdict === "PASS";
  });

  // The scan that the page's address names after "#", as the pages of the scans link to it.
  const parts = [...document.querySelectorAll("[data-scan]")];
  const named = () => {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return "";
    }
  };
  const readout = document.getElementById("marked");
  const invitation = readout?.textContent;
  const mark = () => {
    const name = named();
    if (readout) readout.textContent = invitation;
    for (const part of parts) {
      const marked = part.dataset.scan === name;
      part.classList.toggle("marked", marked);
      if (!marked) continue;
      if (part.matches("circle")) part.parentNode.append(part); // on top of the others
      if (readout) readout.textContent = `Marked: ${name}`;
    }
  };
  for (const part of parts.filter((part) => part.matches("circle")))
    part.addEventListener("click", () => (location.hash = encodeURIComponent(part.dataset.scan)));
  window.addEventListener("hashchange", mark);
  mark();
}
