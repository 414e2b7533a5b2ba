// npm's jose as a mint and a judge of tokens: one JSON request a line on standard input, one answer a line.
//   {"do": "mint", "header": {...}, "claims": {...}, "key": JWK}                   -> {"token": "..."}
//   {"do": "judge", "token": "...", "keys": JWKS, "issuer": "...", "audience": "..."} -> {"verdict": "good"} or an error's code

import readline from 'node:readline';
import { createLocalJWKSet, importJWK, jwtVerify, SignJWT, UnsecuredJWT } from 'jose';

const mint = async ({ header, claims, key }) => {
  if (header.alg === 'none') return { token: new UnsecuredJWT(claims).encode() };
  const signer = new SignJWT(claims).setProtectedHeader(header);
  return { token: await signer.sign(await importJWK(key, header.alg)) };
};

const judge = async ({ token, keys, issuer, audience }) => {
  const options = { algorithms: ['RS256', 'ES256'], issuer, audience, clockTolerance: 5, requiredClaims: ['exp', 'sub'] };
  try {
    await jwtVerify(token, createLocalJWKSet(keys), options);
    return { verdict: 'good' };
  } catch (error) {
    return { verdict: error.code ?? error.name };
  }
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const answer = await (request.do === 'mint' ? mint(request) : judge(request));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
