// On the wire: the last calls, with request and answer.

import { $, fill } from "./dom.js";
import { bytes, number } from "./format.js";
import { DETAILS_FILE, answerText, asCurl, exchanges, requestText } from "./mirror.js";

// The older call that somebody reads. It stays when another is made.
let read = null;

export function showCalls() {
  fill($("calls"), exchanges.map(({ path, status, millis, size }, index) => [
    index, `${path} · ${status || "no answer"} · ${number(Math.round(millis))} ms · ${bytes(size)}`,
  ]), Math.max(exchanges.indexOf(read), 0));
  $("curl").disabled = false;
  showExchange();
}

export function showExchange() {
  const exchange = exchanges[$("calls").value];
  if (!exchange) return;
  read = exchange === exchanges[0] ? null : exchange;
  $("request").textContent = requestText(exchange, $("secrets").checked);
  $("answer").textContent = answerText(exchange);
}

export const copyCurl = () =>
  copy(asCurl(exchanges[$("calls").value]), `Copied. It reads the connection details from ${DETAILS_FILE}.`);

export async function copy(text, told) {
  try {
    await navigator.clipboard.writeText(text);
    toast(told);
  } catch {
    toast("The browser does not allow this page to copy.");
  }
}

let toastTimer = 0;

function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("toast").classList.remove("shown"), 4_000);
}
