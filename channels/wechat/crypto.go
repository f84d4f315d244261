package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" // the platform's signature is SHA-1; there is no other
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// A sealed message is base64 of AES-256-CBC over
//
//	16 random bytes · length of the message (4, big endian) · message · receiver · padding
//
// where the padding is PKCS#7 to 32 bytes, twice AES's own block (加解密方案说明). There is no MAC: what
// makes the ciphertext trustworthy is the signature over its base64 text, so Verify comes before Open.
const (
	padding    = 32
	randomSize = 16
	headerSize = randomSize + 4
	// A padded message is never shorter.
	minSealed = padding
)

// What can be wrong with a ciphertext. Neither says what was inside.
var (
	ErrCiphertext = errors.New("the ciphertext is malformed")
	ErrReceiver   = errors.New("the message is for another receiver")
)

// Credentials are what an account and the platform agreed on for one callback address.
type Credentials struct {
	Token    string
	AESKey   string // EncodingAESKey, 43 characters
	Receiver string // AppID or CorpID: a message sealed for another one is refused
}

// Cipher seals, opens, signs and verifies for one account. It is safe for concurrent use.
type Cipher struct {
	token    string
	receiver string
	block    cipher.Block
	iv       [aes.BlockSize]byte
}

// NewCipher prepares the credentials of an account. It refuses an empty token, since everyone can sign
// with that, and a key that is not 32 bytes in base64.
func NewCipher(c Credentials) (*Cipher, error) {
	if c.Token == "" {
		return nil, errors.New("the callback token is empty")
	}
	// The 43 characters carry 258 bits; the platform ignores the last two, and so does this decoder.
	key, err := base64.StdEncoding.DecodeString(c.AESKey + "=")
	if err != nil || len(key) != 32 {
		return nil, errors.New("the EncodingAESKey is not 43 characters of base64")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("prepare the EncodingAESKey: %w", err)
	}
	out := &Cipher{token: c.Token, receiver: c.Receiver, block: block}
	copy(out.iv[:], key)
	return out, nil
}

// Open decrypts the text of an <Encrypt> element or an echostr whose signature was verified. It returns
// ErrReceiver when the message is well-formed but sealed for another account, else ErrCiphertext.
func (c *Cipher) Open(encrypt string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(encrypt)
	if err != nil || len(sealed) < minSealed || len(sealed)%aes.BlockSize != 0 {
		return nil, ErrCiphertext
	}
	cipher.NewCBCDecrypter(c.block, c.iv[:]).CryptBlocks(sealed, sealed)
	pad := int(sealed[len(sealed)-1])
	if pad < 1 || pad > padding || pad > len(sealed)-headerSize {
		return nil, ErrCiphertext
	}
	body, tail := sealed[:len(sealed)-pad], sealed[len(sealed)-pad:]
	for _, b := range tail {
		if int(b) != pad {
			return nil, ErrCiphertext
		}
	}
	n := binary.BigEndian.Uint32(body[randomSize:headerSize])
	if uint64(n) > uint64(len(body)-headerSize) {
		return nil, ErrCiphertext
	}
	end := headerSize + int(n)
	if subtle.ConstantTimeCompare(body[end:], []byte(c.receiver)) != 1 {
		return nil, ErrReceiver
	}
	return body[headerSize:end:end], nil
}

// Seal encrypts a message for the receiver of the credentials.
func (c *Cipher) Seal(plain []byte) string {
	n := headerSize + len(plain) + len(c.receiver)
	pad := padding - n%padding
	buf := make([]byte, n+pad)
	rand.Read(buf[:randomSize]) // never fails: crypto/rand ends the program first
	binary.BigEndian.PutUint32(buf[randomSize:], uint32(len(plain)))
	copy(buf[headerSize+copy(buf[headerSize:], plain):], c.receiver)
	for i := n; i < len(buf); i++ {
		buf[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(c.block, c.iv[:]).CryptBlocks(buf, buf)
	return base64.StdEncoding.EncodeToString(buf)
}

// Sign returns the msg_signature of a ciphertext.
func (c *Cipher) Sign(timestamp, nonce, encrypt string) string {
	return Sign(c.token, timestamp, nonce, encrypt)
}

// Verify reports whether signature is the msg_signature of a ciphertext.
func (c *Cipher) Verify(signature, timestamp, nonce, encrypt string) bool {
	return Verify(signature, c.token, timestamp, nonce, encrypt)
}

// Sign returns the platform's signature of parts, in whatever order: the token, the timestamp, the nonce
// and, for msg_signature, the ciphertext.
func Sign(parts ...string) string {
	sum := digest(parts)
	return string(sum[:])
}

// Verify compares a signature with that of parts in constant time.
func Verify(signature string, parts ...string) bool {
	sum := digest(parts)
	return subtle.ConstantTimeCompare(sum[:], []byte(signature)) == 1
}

// digest is the lower-case hexadecimal SHA-1 of the sorted parts.
func digest(parts []string) (out [2 * sha1.Size]byte) {
	var room [4]string
	sorted := append(room[:0], parts...)
	slices.Sort(sorted)
	n := 0
	for _, p := range sorted {
		n += len(p)
	}
	text := make([]byte, 0, n)
	for _, p := range sorted {
		text = append(text, p...)
	}
	sum := sha1.Sum(text)
	hex.Encode(out[:], sum[:])
	return out
}
