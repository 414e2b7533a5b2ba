// A certified OAuth server with refresh-token rotation and reuse detection, for the tests: every refresh token is good
// for one use, and a second use revokes the whole grant. Beside it, on a port of its own, what a login would have done
// (/issue: an opaque access token, or, for an audience, a JWT of RFC 9068 that tells groups) and what the server saw (/seen).

import http from 'node:http';
import Provider from 'oidc-provider';

const CLIENT = { client_id: 'cloakroom', client_secret: 'the-clients-own-secret-of-32-characters' };
const LIFE = Number(process.env.LIFE ?? 3600);
const groupsOf = new Map();
const seen = { refreshed: 0, reused: 0, refused: {} };

const listening = (server) => new Promise((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve(server.address().port));
});

const front = http.createServer((request, response) => handle(request, response));
const port = await listening(front);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ ...CLIENT, grant_types: ['refresh_token', 'authorization_code'], redirect_uris: ['https://shop.example/back'] }],
  cookies: { keys: ['of-the-tests'] },
  features: { introspection: { enabled: true }, revocation: { enabled: true }, devInteractions: { enabled: false } },
  extraTokenClaims: (_, token) => ({ groups: groupsOf.get(token.accountId) ?? [] }),
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  scopes: ['openid', 'offline_access'],
  ttl: { AccessToken: LIFE, Grant: 86400, IdToken: LIFE, RefreshToken: 86400 },
});
const handle = provider.callback();
provider.on('grant.success', () => { seen.refreshed += 1; });
provider.on('grant.error', (_, error) => {
  const why = error.error_detail ?? error.message;
  seen.refused[why] = (seen.refused[why] ?? 0) + 1;
  if (why === 'refresh token already used') seen.reused += 1;
});

async function issue(accountId, audience, groups) {
  const client = await provider.Client.find(CLIENT.client_id);
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope('openid offline_access');
  const grantId = await grant.save();
  const common = { accountId, client, grantId, gty: 'authorization_code', scope: 'openid offline_access' };
  const refreshToken = await new provider.RefreshToken({ ...common, rotations: 0 }).save();
  // What a resource indicator (RFC 8707) makes of an access token.
  const meant = { audience, accessTokenFormat: 'jwt', identifier: () => audience };
  const told = audience ? { resourceServer: meant } : {};
  groupsOf.set(accountId, groups);
  const accessToken = await new provider.AccessToken({ ...common, ...told }).save();
  return { access_token: accessToken, refresh_token: refreshToken, token_type: 'Bearer', expires_in: LIFE };
}

const back = http.createServer(async (request, response) => {
  try {
    const url = new URL(request.url, 'http://back');
    const asked = url.searchParams;
    const body = url.pathname === '/issue'
      ? await issue(asked.get('account'), asked.get('audience'), asked.getAll('group'))
      : seen;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
});
const backPort = await listening(back);
process.stdout.write(`${JSON.stringify({ issuer: `http://127.0.0.1:${port}`, back: `http://127.0.0.1:${backPort}`, ...CLIENT })}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
