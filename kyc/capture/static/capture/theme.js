// The bank's name, colours and logo. Whatever they are, text on them stays readable.

const COLOUR = /^#[0-9a-f]{6}$/i;
const LOGO = /^data:image\/(png|webp|jpeg|svg\+xml);base64,[A-Za-z0-9+/=]+$/; // no other address: no third party
const READABLE = 4.5; // WCAG 2.2, 1.4.3

export function wear({ colour, logo, name }, tenant) {
  const brand = document.getElementById("brand");
  brand.replaceChildren();
  if (LOGO.test(logo || "") && logo.length < 100000) {
    const picture = document.createElement("img");
    picture.src = logo;
    picture.alt = "";
    brand.append(picture);
  }
  brand.append(name || tenant);
  if (COLOUR.test(colour || "")) paint(colour);
}

function paint(colour) {
  const style = document.documentElement.style;
  const on = contrast(colour, "#ffffff") >= contrast(colour, "#000000") ? "#ffffff" : "#000000";
  style.setProperty("--accent", colour);
  style.setProperty("--on-accent", on);
  // a focus ring and borders must be seen on the ground, too: WCAG 1.4.11 asks for 3
  const ground = matchMedia("(prefers-color-scheme: dark)").matches ? "#101317" : "#f6f7f9";
  if (contrast(colour, ground) >= READABLE) style.setProperty("--focus", colour);
}

export function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
