// The table of the points, page by page.

import { $, element } from "./dom.js";
import { counted, number, time } from "./format.js";

const ROWS_A_PAGE = 100;

let points = [];
let page = 0;

export function showTable(shown) {
  points = shown;
  page = 0;
  showPage();
}

export function turn(pages) {
  page += pages;
  showPage();
}

function showPage() {
  const isRaw = !(points[0]?.length === 3);
  const columns = isRaw ? ["Value", "Time"] : ["Value", "From", "To"];
  $("columns").replaceChildren(...columns.map((text) => element("th", { scope: "col", textContent: text })));
  const first = page * ROWS_A_PAGE;
  const shown = points.slice(first, first + ROWS_A_PAGE);
  $("rows").replaceChildren(...shown.map(([value, ...times]) => element("tr", {},
    element("td", { className: "number", textContent: number(value), title: String(value) }),
    ...times.map((millis) => element("td", { textContent: time(millis), title: String(millis) })))));
  $("page").textContent = points.length
    ? `${first + 1} to ${first + shown.length} of ${counted(points.length, "point", "points")}`
    : "No points.";
  $("previous").disabled = page === 0;
  $("next").disabled = first + shown.length >= points.length;
}
