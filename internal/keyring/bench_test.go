package keyring

import "testing"

var tableContext = Context{"aws:dynamodb:tableName": "Music", "aws:dynamodb:subscriberId": "111122223333"}

func BenchmarkEncrypt(b *testing.B) {
	w := newWorld(b)
	key, plaintext := w.newKey(b), make([]byte, 32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Encrypt(key, plaintext, tableContext); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecrypt(b *testing.B) {
	w := newWorld(b)
	key := w.newKey(b)
	blob := w.encrypt(b, key, "0123456789abcdef0123456789abcdef", tableContext)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			found, err := w.KeyOf(east.Region, blob, nil)
			if err == nil {
				_, err = w.Decrypt(found, blob, tableContext)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGenerateDataKey(b *testing.B) {
	w := newWorld(b)
	key := w.newKey(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := w.DataKey(key, "GenerateDataKey", 32, tableContext); err != nil {
				b.Fatal(err)
			}
		}
	})
}
