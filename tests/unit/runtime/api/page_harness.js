// A stand-in for a browser's document, with as much of it as the page's script uses.
class Element {
  constructor(tag) { Object.assign(this, { tagName: tag.toUpperCase(), children: [], listeners: {}, attributes: {}, className: "", textContent: "", value: "", type: "", checked: false, hidden: false, open: false, id: "", required: false, placeholder: "", tabIndex: 0, autocomplete: "", spellcheck: true, files: [] }); }
  append(...children) { for (const child of children) this.children.push(child); }
  replaceChildren(...children) { this.children = children; }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  get childElementCount() { return this.children.filter((child) => child instanceof Element).length; }
  all(test) { return [...(test(this) ? [this] : []), ...this.children.flatMap((child) => (child instanceof Element ? child.all(test) : []))]; }
}
const known = {};
for (const id of ["key", "user", "who", "status", "about", "operations"]) known[id] = new Element("div");
const document = { getElementById: (id) => known[id], createElement: (tag) => new Element(tag), title: "" };
const description = JSON.parse(require("fs").readFileSync("openapi.json", "utf-8"));
let sent = null;
const fetch = async (url, options = {}) => {
  if (url === "openapi.json") return { ok: true, status: 200, json: async () => description };
  sent = { url, method: options.method, headers: options.headers };
  return { status: 200, statusText: "OK", headers: { has: () => false }, text: async () => "{}" };
};
(async () => {
  await (async () => { eval(require("fs").readFileSync(__filename, "utf-8").split("//" + "PAGE\n")[1]); })();
  await new Promise((resolve) => setTimeout(resolve, 20));
  if (known.status.textContent) throw new Error(known.status.textContent);
  const operations = known.operations.all((element) => element.tagName === "DETAILS");
  for (const details of operations) { details.open = true; details.listeners.toggle(); }
  known.key.value = "k"; known.user.value = "Zoë";
  const patch = operations.find((details) => details.id.startsWith("patch_entity"));
  const form = patch.all((element) => element.tagName === "FORM")[0];
  form.all((element) => element.tagName === "INPUT")[0].value = "a/b";
  form.listeners.submit({ preventDefault() {} });
  await new Promise((resolve) => setTimeout(resolve, 20));
  console.log(JSON.stringify({ operations: operations.length, sent }));
})().catch((error) => { console.error(error); process.exit(1); });
if (false) {
//PAGE
/* SCRIPT */
//PAGE
}
