package wire

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
)

// Fail answers a request that no service has seen, such as one that is too large or is not HTTP. The answer
// has the shape of the JSON services, which the SDKs of every protocol show in their error; code and message
// are plain ASCII without quotation marks.
func Fail(res *Response, status int, code, message string) {
	res.Reset()
	res.Status = status
	res.Body = append(res.Body, `{"__type":"com.amazon.coral.service#`...)
	res.Body = append(res.Body, code...)
	res.Body = append(res.Body, `","message":"`...)
	res.Body = append(res.Body, message...)
	res.Body = append(res.Body, `"}`...)
	res.SetHeader("Content-Type", "application/x-amz-json-1.0")
	res.SetHeader("X-Amzn-Requestid", NewID())
	SetChecksum(res)
}

// SetChecksum sets x-amz-crc32, which DynamoDB's clients verify, to the CRC-32 of the body as it stands.
func SetChecksum(res *Response) {
	var digits [10]byte
	sum := crc32.ChecksumIEEE(res.Body)
	res.SetHeaderBytes("X-Amz-Crc32", strconv.AppendUint(digits[:0], uint64(sum), 10))
}

// NewID is a request id in the form of DynamoDB: 52 digits and capital letters. It is unique, not secret.
func NewID() string {
	var raw [32]byte
	for i := 0; i < len(raw); i += 8 {
		binary.LittleEndian.PutUint64(raw[i:], rand.Uint64())
	}
	var text [52]byte
	base32.HexEncoding.WithPadding(base32.NoPadding).Encode(text[:], raw[:])
	return string(text[:])
}

// NewUUID is a request id in the form of the other services: a random UUID (RFC 9562, version 4).
func NewUUID() string {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], rand.Uint64())
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:8], raw[:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:], raw[10:])
	text[8] = '-'
	text[13] = '-'
	text[18] = '-'
	text[23] = '-'
	return string(text[:])
}
