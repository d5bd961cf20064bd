// An identity provider nobody here wrote: clients register themselves, people sign in by any name and consent, tokens are
// JWTs for the one resource that is named. Arguments: port, the resource, seconds that a token lives.
import Provider from 'oidc-provider'

const [port, resource, seconds] = process.argv.slice(2)
const issuer = `http://127.0.0.1:${port}`

const provider = new Provider(issuer, {
  scopes: ['openid', 'offline_access', 'read', 'write'],
  pkce: { required: () => true },
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  clients: [
    {
      client_id: 'nightly',
      client_secret: 'a secret: of + the night',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_basic',
    },
  ],
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    revocation: { enabled: true },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_context, indicator) => {
        if (indicator !== resource) throw new Error(`unknown resource ${indicator}`)
        return {
          scope: 'read write',
          audience: resource,
          accessTokenTTL: Number(seconds),
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }
      },
    },
  },
})

provider.listen(Number(port), '127.0.0.1', () => console.log('listening'))
