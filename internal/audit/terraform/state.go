package terraform

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// stateFile is the part of a local state (version 4) that tells under which key tables are, and which keys
// there are.
type stateFile struct {
	Version   int `json:"version"`
	Resources []struct {
		Module    string `json:"module"`
		Mode      string `json:"mode"`
		Type      string `json:"type"`
		Name      string `json:"name"`
		Instances []struct {
			Attributes struct {
				ARN        string `json:"arn"`
				Name       string `json:"name"`
				Encryption []struct {
					Enabled bool   `json:"enabled"`
					KeyARN  string `json:"kms_key_arn"`
				} `json:"server_side_encryption"`
			} `json:"attributes"`
		} `json:"instances"`
	} `json:"resources"`
}

// state compares the configuration with the state beside it, if there is one: a key that a table of the state
// is under, and that the configuration no longer has, is deleted by the next apply.
func (m *module) state(path string) {
	name := filepath.Join(path, "terraform.tfstate")
	info, err := os.Stat(name)
	if err != nil || info.Size() > 16*MaxFile {
		return
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return
	}
	var s stateFile
	if json.Unmarshal(text, &s) != nil || s.Version != 4 {
		m.note("terraform.tfstate can't be read, so that nothing is compared with it")
		return
	}
	gone := map[string]string{} // keys that the configuration no longer has, by ARN
	for _, r := range s.Resources {
		if r.Mode == "managed" && isKey(r.Type) && !m.declares(r.Type+"."+r.Name) {
			for _, i := range r.Instances {
				gone[i.Attributes.ARN] = r.Type + "." + r.Name
			}
		}
	}
	for _, r := range s.Resources {
		if r.Type != "aws_dynamodb_table" {
			continue
		}
		for _, i := range r.Instances {
			for _, e := range i.Attributes.Encryption {
				m.prior(i.Attributes.Name, e.KeyARN, gone[e.KeyARN])
			}
		}
	}
}

func (m *module) declares(address string) bool {
	for _, b := range m.root.blocks("resource") {
		if len(b.Labels) == 2 && b.Labels[0]+"."+b.Labels[1] == address {
			return true
		}
	}
	return false
}

func (m *module) prior(table, key, deleted string) {
	for _, t := range m.set.Tables {
		if t.Name == table && key != "" {
			t.Prior = &fact.Prior{KeyARN: key, Deleted: deleted}
		}
	}
}
