// Opens a page in a real browser and prints each message that it shows, one a line.
// node watch.mjs <folder of node_modules> <browser> <address of the page> <how many messages>
import { createRequire } from "node:module";

const [packages, executablePath, page, wanted] = process.argv.slice(2);
const { chromium } = createRequire(`${packages}/`)("playwright-core");

// A browser's sandbox needs what root and most CI machines do not have. The page is ours and stays on loopback.
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: 60_000 });
try {
  const tab = await browser.newPage();
  await tab.goto(page);
  for (let number = 1; number <= Number(wanted); number += 1) {
    const message = tab.locator(`#messages li:nth-child(${number})`);
    await message.waitFor({ timeout: 60_000 });
    console.log(await message.textContent());
  }
} finally {
  await browser.close();
}
