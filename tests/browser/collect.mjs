// Opens a page of an origin in a real browser, lets it fetch, and prints what the page could read, one answer a line.
// node collect.mjs <folder of node_modules> <browser> <origin> <host:port>, and on standard input a list of
// {url, method, headers, body}. The origin's server is the one at host:port: so its own port may be taken by somebody else.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const [packages, executablePath, origin, server] = process.argv.slice(2);
const { chromium } = createRequire(`${packages}/`)("playwright-core");
const requests = JSON.parse(await text(process.stdin));

// A browser's sandbox needs what root and most CI machines do not have. The page is ours and stays on loopback.
const args = ["--no-sandbox", `--host-resolver-rules=MAP ${new URL(origin).host} ${server}`];
const browser = await chromium.launch({ executablePath, args, timeout: 60_000 });
try {
  const tab = await browser.newPage();
  await tab.goto(`${origin}/blank.html`);
  for (const { url, ...options } of requests) {
    const read = async ([address, init]) => {
      try {
        const answer = await fetch(address, init);
        return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
      } catch (error) {
        return { error: error.name };
      }
    };
    console.log(JSON.stringify(await tab.evaluate(read, [url, options])));
  }
} finally {
  await browser.close();
}
