package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const (
	testToken    = "QDG6eK"
	testAESKey   = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	testReceiver = "wx5823bf96d3bd56c7"
)

func testCipher(t testing.TB) *Cipher {
	c, err := NewCipher(Credentials{Token: testToken, AESKey: testAESKey, Receiver: testReceiver})
	require.NoError(t, err)
	return c
}

func TestCipher_opens_what_it_sealed(t *testing.T) {
	t.Parallel()
	c := testCipher(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "plain")
		opened, err := c.Open(c.Seal(plain))
		require.NoError(t, err)
		require.Equal(t, len(plain), len(opened))
		require.Equal(t, string(plain), string(opened))
	})
}

func TestCipher_knows_the_published_example(t *testing.T) {
	t.Parallel()
	// 企业微信「加解密方案说明」: token, timestamp, nonce and ciphertext of the document's sample request.
	const encrypt = "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
	c := testCipher(t)
	require.True(t, c.Verify("477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149", encrypt))
	plain, err := c.Open(encrypt)
	require.NoError(t, err)
	require.Contains(t, string(plain), "<Content><![CDATA[hello]]></Content>")
}

func TestCipher_refuses_credentials_that_protect_nothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Credentials{
		"an empty token":          {AESKey: testAESKey},
		"no key":                  {Token: testToken},
		"a short key":             {Token: testToken, AESKey: testAESKey[:42]},
		"a long key":              {Token: testToken, AESKey: testAESKey + "A"},
		"a key that is no base64": {Token: testToken, AESKey: strings.Repeat("!", 43)},
	} {
		_, err := NewCipher(c)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), testAESKey, name)
	}
}

func TestCipher_takes_a_key_whose_last_two_bits_are_set(t *testing.T) {
	t.Parallel()
	// 43 base64 characters carry 258 bits; operators type any 43 letters and digits.
	_, err := NewCipher(Credentials{Token: "t", AESKey: strings.Repeat("z", 43)})
	require.NoError(t, err)
}

func TestVerify_accepts_one_signature_only(t *testing.T) {
	t.Parallel()
	c := testCipher(t)
	good := c.Sign("1", "2", "3")
	require.True(t, c.Verify(good, "1", "2", "3"))
	for _, bad := range []string{"", good[:39], good + "0", strings.ToUpper(good), "0" + good[1:]} {
		if bad != good {
			require.False(t, c.Verify(bad, "1", "2", "3"), bad)
		}
	}
	require.False(t, c.Verify(good, "1", "2", "4"))
}

// sealRaw encrypts a plaintext as it is, so that every length and padding can be wrong.
func sealRaw(c *Cipher, plain []byte) string {
	buf := append([]byte(nil), plain...)
	cipher.NewCBCEncrypter(c.block, c.iv[:]).CryptBlocks(buf, buf)
	return base64.StdEncoding.EncodeToString(buf)
}

// padded is 16 random bytes, a length, a body, and n padding bytes of value pad.
func padded(length uint32, body string, n, pad int) []byte {
	buf := binary.BigEndian.AppendUint32(make([]byte, randomSize), length)
	buf = append(buf, body...)
	for range n {
		buf = append(buf, byte(pad))
	}
	return buf
}

func TestOpen_checks_every_length(t *testing.T) {
	t.Parallel()
	c := testCipher(t)
	body := "hi" + testReceiver // 20 + 2 + 18 = 40 bytes: 24 bytes of padding make 64
	require.Len(t, body, 20)
	for name, test := range map[string]struct {
		encrypt string
		err     error
	}{
		"well-formed":                   {sealRaw(c, padded(2, body, 24, 24)), nil},
		"padded to AES's block only":    {sealRaw(c, padded(2, body, 8, 8)), nil},
		"empty":                         {"", ErrCiphertext},
		"not base64":                    {"%%%%", ErrCiphertext},
		"one block":                     {base64.StdEncoding.EncodeToString(make([]byte, aes.BlockSize)), ErrCiphertext},
		"not whole blocks":              {base64.StdEncoding.EncodeToString(make([]byte, 65)), ErrCiphertext},
		"padding zero":                  {sealRaw(c, padded(2, body, 24, 0)), ErrCiphertext},
		"padding beyond 32":             {sealRaw(c, padded(2, body, 24, 33)), ErrCiphertext},
		"padding of mixed bytes":        {sealRaw(c, append(padded(2, body, 23, 23), 24)), ErrCiphertext},
		"padding that eats the header":  {sealRaw(c, padded(0, "", 12, 32)), ErrCiphertext},
		"length beyond the end":         {sealRaw(c, padded(21, body, 24, 24)), ErrCiphertext},
		"length that wraps around":      {sealRaw(c, padded(0xffffffff, body, 24, 24)), ErrCiphertext},
		"length that eats the receiver": {sealRaw(c, padded(20, body, 24, 24)), ErrReceiver},
		"another receiver":              {sealRaw(c, padded(2, "hi"+"wx5823bf96d3bd56c8", 24, 24)), ErrReceiver},
		"our receiver with more behind": {sealRaw(c, padded(1, body, 24, 24)), ErrReceiver},
		"no receiver":                   {sealRaw(c, padded(2, "hi", 10, 10)), ErrReceiver},
	} {
		_, err := c.Open(test.encrypt)
		require.ErrorIs(t, err, test.err, name)
	}
}

func FuzzOpen(f *testing.F) {
	c := testCipher(f)
	f.Add([]byte(c.Seal([]byte("<xml/>"))), false)
	f.Add([]byte(c.Seal(nil)), false)
	f.Add([]byte("AAAA"), false)
	f.Add(padded(2, "hi"+testReceiver, 24, 24), true)
	f.Add(padded(0xffffffff, "hi"+testReceiver, 24, 24), true)
	f.Fuzz(func(t *testing.T, data []byte, plain bool) {
		encrypt := string(data)
		if plain { // reach what is behind the decryption
			encrypt = sealRaw(c, data[:len(data)/aes.BlockSize*aes.BlockSize])
		}
		opened, err := c.Open(encrypt)
		if err != nil {
			require.Nil(t, opened)
			return
		}
		again, err := c.Open(c.Seal(opened))
		require.NoError(t, err)
		require.Equal(t, string(opened), string(again))
	})
}

func TestOpen_survives_random_damage(t *testing.T) {
	t.Parallel()
	c := testCipher(t)
	sealed, err := base64.StdEncoding.DecodeString(c.Seal([]byte(strings.Repeat("hello ", 50))))
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		damaged := append([]byte(nil), sealed...)
		damaged[random.IntN(len(damaged))] ^= byte(1 + random.IntN(255))
		damaged = damaged[:random.IntN(len(damaged)+1)]
		_, _ = c.Open(base64.StdEncoding.EncodeToString(damaged))
	}
}
