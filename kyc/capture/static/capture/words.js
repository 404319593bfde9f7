// Every text is in lang/<code>.json. To add a language: add the file, and its name here.
export const LANGUAGES = { en: "English", zh: "中文", es: "Español" };

let texts = {};
let fallback = {};
export let language = "en";

export async function speak(code) {
  const wanted = LANGUAGES[code] ? code : "en";
  fallback = Object.keys(fallback).length ? fallback : await load("en");
  texts = wanted === "en" ? fallback : await load(wanted);
  language = wanted;
  document.documentElement.lang = wanted;
}

export function preferred(asked) {
  const all = [asked, ...(navigator.languages || [])].filter(Boolean);
  return all.map((one) => one.slice(0, 2).toLowerCase()).find((one) => LANGUAGES[one]) || "en";
}

// t("attempts_left", {n: 2}); a missing key shows itself in tests, English in the field
export function t(key, values = {}) {
  const text = texts[key] ?? fallback[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

async function load(code) {
  const answer = await fetch(new URL(`lang/${code}.json`, import.meta.url));
  return answer.json();
}
