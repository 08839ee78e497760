package keyring

import (
	"strings"
	"testing"
)

// What the catalog keeps of a key is authentic; one that makes no sense is refused all the same, and stops nothing else.
func TestMetadataThatMakesNoSense(t *testing.T) {
	const record = `{"format":1,"scope":{"account":"123456789012","region":"us-east-1"},"id":"ID","spec":"SYMMETRIC_DEFAULT",` +
		`"usage":"ENCRYPT_DECRYPT","origin":"AWS_KMS","versions":[{"materialId":"MATERIAL"}]}`
	id, material := "12345678-1234-1234-1234-123456789012", strings.Repeat("0a", 32)
	for name, c := range map[string]struct{ id, material, want string }{
		"as it should be": {id, material, ""},
		"id":              {"../" + id, material, "names no key"},
		"short material":  {id, "0a", "id of its material is malformed"},
		"long material":   {id, material + "0a", "id of its material is malformed"},
		"no hexadecimal":  {id, strings.Repeat("zz", 32), "id of its material is malformed"},
	} {
		_, err := decodeMetadata([]byte(strings.NewReplacer("ID", c.id, "MATERIAL", c.material).Replace(record)))
		if got := errorText(err); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
