package keyring

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/ecdsa"
	"math/big"
	"testing"
)

// Published vectors of the primitives that this package calls or writes out, through the functions that it calls them by.

// TestGCMVectors are test cases 13, 14 and 16 of "The Galois/Counter Mode of Operation", the submission to NIST: AES-256. Our
// ciphertexts have the nonce of the first two.
func TestGCMVectors(t *testing.T) {
	for _, v := range []struct{ key, nonce, data, plaintext, sealed string }{
		{"00", "00", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
		{"00", "00", "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
		{"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
			"feedfacedeadbeeffeedfacedeadbeefabaddad2",
			"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
			"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
				"76fc6ece0f4e1768cddf8853bb2d551b"},
	} {
		var key [32]byte
		var nonce [12]byte
		copy(key[:], unhex(t, v.key))
		copy(nonce[:], unhex(t, v.nonce))
		aead, err := blobCipher(&key)
		must(t, err)
		got := aead.Seal(nil, nonce[:], unhex(t, v.plaintext), unhex(t, v.data))
		if !bytes.Equal(got, unhex(t, v.sealed)) {
			t.Errorf("got %x, want %s", got, v.sealed)
		}
	}
}

// TestKDFVector is the first of NIST's Cryptographic Algorithm Validation Program for SP 800-108 in counter mode, with HMAC-SHA-256 and a
// counter of 32 bits before the fixed input, which there is a string without parts.
func TestKDFVector(t *testing.T) {
	key := unhex(t, "dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0")
	fixed := unhex(t,
		"01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac")
	var got [32]byte
	hmacSHA256(&got, key, append([]byte{0, 0, 0, 1}, fixed...))
	if !bytes.Equal(got[:16], unhex(t, "10621342bfb0fd40046c0e29f2cfdbf0")) {
		t.Errorf("got %x", got[:16])
	}
}

// TestMoreOfRFC4231 are its test cases 1, 3 and 4, through GenerateMac's function.
func TestMoreOfRFC4231(t *testing.T) {
	counting := make([]byte, 25)
	for i := range counting {
		counting[i] = byte(i + 1)
	}
	for _, v := range []struct {
		key, data []byte
		want      [4]string
	}{
		{bytes.Repeat([]byte{0x0b}, 20), []byte("Hi There"), [4]string{
			"896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
			"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
			"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"}},
		{bytes.Repeat([]byte{0xaa}, 20), bytes.Repeat([]byte{0xdd}, 50), [4]string{
			"7fb3cb3588c6c1f6ffa9694d7d6ad2649365b0c1f65d69d1ec8333ea",
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
			"88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
			"fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"}},
		{counting, bytes.Repeat([]byte{0xcd}, 50), [4]string{
			"6c11506874013cac6a2abc1bb382627cec6a90d86efc012de7afec5a",
			"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
			"3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
			"b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"}},
	} {
		for i, hash := range []crypto.Hash{crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			if got := hmacOf(hash, v.key, v.data); !bytes.Equal(got, unhex(t, v.want[i])) {
				t.Errorf("%v of %x: got %x", hash, v.data, got)
			}
		}
	}
}

// TestRFC3394 is section 4.6 of RFC 3394: the steps that RFC 5649 shares.
func TestRFC3394(t *testing.T) {
	block, err := aes.NewCipher(unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
	must(t, err)
	b := unhex(t, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21")
	unwrapSteps(block, b)
	if want := "a6a6a6a6a6a6a6a600112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"; !bytes.Equal(b, unhex(t, want)) {
		t.Errorf("got %x", b)
	}
}

// TestMoreOfRFC6979 are the signatures of "sample" on the larger curves, appendices A.2.6 and A.2.7.
func TestMoreOfRFC6979(t *testing.T) {
	for spec, v := range map[Spec]struct{ x, y, r, s string }{
		"ECC_NIST_P384": {
			"EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13",
			"8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
			"94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
			"99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8"},
		"ECC_NIST_P521": {
			"01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F5023A4",
			"00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFDFCF5",
			"00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA",
			"00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A"},
	} {
		public, err := ecdsa.ParseUncompressedPublicKey(spec.curve(), append([]byte{4}, unhex(t, v.x+v.y)...))
		must(t, err)
		algorithm := spec.Algorithms(SignVerify)[0]
		r, s := new(big.Int).SetBytes(unhex(t, v.r)), new(big.Int).SetBytes(unhex(t, v.s))
		for text, good := range map[string]bool{"sample": true, "simple": false} {
			input, err := Message{Bytes: []byte(text)}.input(algorithm)
			must(t, err)
			if verify(public, algorithm, input, ecdsaDER(t, r, s)) != good {
				t.Errorf("%s, %q: not %v", spec, text, good)
			}
		}
	}
}
