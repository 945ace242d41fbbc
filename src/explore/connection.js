// The connection: its details, the key, the test, and the source that the mirror says it chose.

import { $, on } from "./dom.js";
import { ask, ConnectionFailure, lines, requests } from "./mirror.js";
import { showCalls } from "./wire.js";

// Stands for a value in an example.
const HOLE = "…";
const own = { source: "cloudwatch", region: "eu-west-1", accessToken: HOLE };
const key = { ...own, accessKeyId: `AKIA${HOLE}`, secretAccessKey: HOLE };
const role = { ...key, roleArn: `arn:aws:iam::123456789012:role/${HOLE}`, externalId: HOLE };
const EXAMPLES = { random: {}, key, role, own };

// What the mirror calls random data.
const RANDOM = "random data";

// The details that were asked with last, and the source that the mirror said it chose for them.
let told = { details: null, source: null };

// Details without any member are random data always. Others are what the mirror says.
export const isEmpty = () => /^\s*\{\s*\}\s*$/.test($("details").value);
export const isKnown = () => isEmpty() || told.details === $("details").value;
export const isRandom = () => isEmpty() || (isKnown() && told.source === RANDOM);

// An example whose values nobody has replaced is not sent.
export const isExample = () => $("details").value.includes(HOLE);
export const REPLACE = ["The connection details are an example", `Replace each ${HOLE} by a value of your own.`];

// What each call needs beside its query.
export const connection = (signal) => {
  if (isExample()) throw new ConnectionFailure(...REPLACE);
  const details = $("details").value;
  const onExchange = ({ source }) => {
    if (source && details === $("details").value) told = { details, source };
    showSource();
    showCalls();
  };
  return { details, key: $("key").value, signal, onExchange };
};

function showSource() {
  $("source").textContent = told.details === $("details").value ? told.source : "";
}

let testing = null;

async function test() {
  forgetTest();
  const { signal } = (testing = new AbortController());
  const show = (name, text) => {
    if (signal.aborted) return;
    $("tested").className = `result ${name}`;
    $("tested").textContent = text;
  };
  show("", "Testing …");
  try {
    const { status, error } = await ask(requests.connection(), connection(signal));
    if (signal.aborted) return;
    $("connection").open = status !== "OK";
    if (status === "OK") {
      show("good", "✓ OK");
      // What has the focus is folded away.
      if ($("connection").contains(document.activeElement)) $("connection").querySelector("summary").focus();
    } else show("bad", `FAILURE: ${error?.details}`);
  } catch (error) {
    if (signal.aborted) return;
    openFor(error);
    show("bad", lines(error).join(" "));
  }
}

function forgetTest() {
  testing?.abort();
  $("tested").textContent = "";
}

// Opens the part that an error is about.
export function openFor(error) {
  if (error instanceof ConnectionFailure) $("connection").open = true;
}

// Asks for the details of a connection that the page has not.
export function requestDetails() {
  $("connection").open = true;
  $("details").value = "";
  forgetTest();
  showSource();
  $("details").focus();
}

// `onChange()` is told when the details are complete.
export function start(onChange) {
  on("test", "click", test);
  on("key", "keydown", ({ key }) => key === "Enter" && test());
  on("insert", "click", () => {
    $("details").value = JSON.stringify(EXAMPLES[$("example").value], null, 2);
    $("details").dispatchEvent(new Event("input"));
    $("details").focus();
    onChange();
  });
  // While somebody types: a button that moves when its press begins is not pressed.
  for (const id of ["key", "details"]) on(id, "input", () => {
    forgetTest();
    showSource();
  });
  for (const id of ["key", "details"]) on(id, "change", onChange);
}
