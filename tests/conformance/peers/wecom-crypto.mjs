// Drives @wecom/crypto, which calls nothing: it reads the sandbox's callbacks and signs for pages.

import { STAGE, act, call, load, receive } from './shared/driver.mjs';

const { decrypt, getJsApiSignature, getSignature } = load('@wecom/crypto');

function open(query, encrypted) {
  if (getSignature(STAGE.token, query.timestamp, query.nonce, encrypted) !== query.msg_signature) {
    throw new Error('the signature is wrong');
  }
  const { message, id } = decrypt(STAGE.aes_key, encrypted);
  if (id !== STAGE.corp_id) throw new Error(`for another corp: ${id}`);
  return message;
}

await receive('crypto', (packet, tell) => {
  if (packet.method === 'GET') return open(packet.query, packet.query.echostr);
  tell(open(packet.query, /<Encrypt><!\[CDATA\[(.*?)\]\]><\/Encrypt>/s.exec(packet.body.toString())[1]));
  return 'success';
});
process.exit(0);
