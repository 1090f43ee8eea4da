// Writes each page as HTML.
const fs = require("fs");
const escape = require("escape-html");
fs.mkdirSync("dist", { recursive: true });
for (const name of fs.readdirSync("pages")) {
  const text = fs.readFileSync(`pages/${name}`, "utf8");
  fs.writeFileSync(`dist/${name.replace(/\.txt$/, ".html")}`, `<p>${escape(text.trim())}</p>\n`);
}
