package partiql

import (
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
)

// BenchmarkStatement reads and checks statements as they come, which is what they cost beyond the other operations.
func BenchmarkStatement(b *testing.B) {
	for name, text := range map[string]string{
		"select": `SELECT * FROM "orders" WHERE "pk" = ? AND "sk" = ?`,
		"update": `UPDATE "orders" SET "total" = "total" + ?, "note" = ? WHERE "pk" = 'a' AND "sk" = 'b' AND "state" <> 'closed'`,
	} {
		values := []attribute.Value{attribute.FromNumber(attribute.NumberFromInt(1)), attribute.String("b")}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := Parse(text)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Check(values); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
