package cli

import "testing"

func TestOldCLIs(t *testing.T) {
	for told, want := range map[string]string{
		"aws-cli/2.9.19 Python/3.11.2 Linux/6.1.0 source/x86_64.debian.12 prompt/off": "2.9.19",
		"aws-cli/2.12.7 Python/3.11":             "2.12.7",
		"aws-cli/2.13.0 Python/3.11":             "",
		"aws-cli/1.28.1 Python/3.8 botocore/1.3": "1.28.1",
		"aws-cli/1.29.0 Python/3.8":              "",
		"aws-cli/1.45.11 Python/3.11":            "",
		"aws-cli/3.0.0":                          "",
		"aws-cli/10.1.0":                         "",
		"something else":                         "",
		"":                                       "",
	} {
		if got := tooOld(told); got != want {
			t.Errorf("%q is too old: %q, want %q", told, got, want)
		}
	}
}
