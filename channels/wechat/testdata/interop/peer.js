// Speaks WeChat's callback encryption through @wecom/crypto. Reads one JSON request a line from stdin,
// writes one JSON answer a line:
//   {"do":"push","token","key","receiver","timestamp","nonce","text"} -> {"signature","encrypt"}
//   {"do":"read","token","key","timestamp","nonce","encrypt"}         -> {"signature","text","receiver"}
const readline = require('node:readline');
const { getSignature, encrypt, decrypt } = require('@wecom/crypto');

const answers = {
  push: (q) => {
    const sealed = encrypt(q.key, q.text, q.receiver);
    return { signature: getSignature(q.token, q.timestamp, q.nonce, sealed), encrypt: sealed };
  },
  read: (q) => {
    const { message, id } = decrypt(q.key, q.encrypt);
    return { signature: getSignature(q.token, q.timestamp, q.nonce, q.encrypt), text: message, receiver: id };
  },
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify(answers[request.do](request)) + '\n');
});
