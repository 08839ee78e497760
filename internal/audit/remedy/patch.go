package remedy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/rule"
)

// Patcher changes templates.
type Patcher struct {
	Options Options
	// Judge audits the template of a path with the text that it would have.
	Judge func(ctx context.Context, path, text string) (*audit.Report, error)

	texts map[string]string // of patched files
}

// edit puts text in the place of a range of bytes.
type edit struct {
	from, to int
	text     string
}

// property is a setting of a resource: where it stands in CloudFormation and in Terraform.
type property struct {
	block, name, value string
	// more are what belongs beside it in the same block
	more [][2]string
}

// settings are the properties that mend a rule, in the two languages.
func (p *Patcher) settings(id string, terraform bool) (property, bool) {
	key := p.Options.Key
	type pair struct{ cloudformation, terraform property }
	encryption := pair{
		property{"SSESpecification", "SSEEnabled", "true", [][2]string{{"SSEType", "KMS"}}},
		property{"server_side_encryption", "enabled", "true", nil},
	}
	if key != "" {
		encryption.cloudformation.more = append(encryption.cloudformation.more, [2]string{"KMSMasterKeyId",
			key})
		encryption.terraform.more = append(encryption.terraform.more, [2]string{"kms_key_arn", `"` + key + `"`})
	}
	all := map[string]pair{
		rule.EncryptionID: encryption,
		"DynamoDB-003": {
			property{"PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled", "true", nil},
			property{"point_in_time_recovery", "enabled", "true", nil},
		},
		"DDB-015": {
			property{"", "DeletionProtectionEnabled", "true", nil},
			property{"", "deletion_protection_enabled", "true", nil},
		},
		"KMS-002": {property{"", "EnableKeyRotation", "true", nil}, property{"", "enable_key_rotation",
			"true", nil}},
	}
	found, ok := all[id]
	if terraform {
		return found.terraform, ok
	}
	return found.cloudformation, ok
}

// Patch plans the changes of templates about a report's findings, as unified diffs. Texts gives what the
// files would hold.
func (p *Patcher) Patch(ctx context.Context, r *audit.Report) (*Report, error) {
	p.texts = map[string]string{}
	out := &Report{Schema: Schema, Changes: []Change{}}
	for _, id := range rules() {
		for i := range r.Findings {
			f := &r.Findings[i]
			failing := f.Status == audit.Fail || f.Status == audit.Conditional
			if f.Rule != id || f.Resource.File == "" || f.Resource.Address == "" || !failing {
				continue
			}
			c := Change{Finding: f.ID, Rule: id, Resource: f.Resource, Before: f.Message, After: f.Remedy,
				Status: Patched}
			if err := p.patch(ctx, f, &c); err != nil {
				c = c.refuse(err.Error())
			}
			out.Changes = append(out.Changes, c)
		}
	}
	return out, nil
}

// Texts are the patched files.
func (p *Patcher) Texts() map[string]string { return p.texts }

func (p *Patcher) text(path string) (string, error) {
	if text, ok := p.texts[path]; ok {
		return text, nil
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

func (p *Patcher) patch(ctx context.Context, f *audit.Finding, c *Change) error {
	path := f.Resource.File
	before, err := p.text(path)
	if err != nil {
		return err
	}
	terraform := filepath.Ext(path) == ".tf"
	want, ok := p.settings(f.Rule, terraform)
	if !ok {
		return errors.New("no change of a template mends this")
	}
	var edits []edit
	if terraform {
		edits, err = terraformEdits(path, before, &f.Resource, want)
	} else {
		edits, err = yamlEdits(before, f.Resource.Address, want)
	}
	if err != nil {
		return err
	}
	after := applied(before, edits)
	if err := p.check(ctx, f, path, after); err != nil {
		return err
	}
	name := filepath.ToSlash(path)
	c.Patch = udiff.Unified("a/"+name, "b/"+name, before, after)
	c.After = strings.TrimPrefix(strings.TrimSpace(want.block+" "+want.name+" = "+want.value), " ")
	p.texts[path] = after
	return nil
}

// check audits the patched text: the finding must be gone, and none may have come.
func (p *Patcher) check(ctx context.Context, f *audit.Finding, path, after string) error {
	r, err := p.Judge(ctx, path, after)
	if err != nil {
		return err
	}
	for i := range r.Findings {
		g := &r.Findings[i]
		if g.Rule == audit.CoverageRule().ID {
			return fmt.Errorf("the patched template could not be read: %s", g.Message)
		}
		if g.Rule == f.Rule && g.Resource.Address == f.Resource.Address && g.Status != audit.Pass &&
			g.Status != audit.Muted {
			return fmt.Errorf("a patch alone does not mend it: %s", g.Message)
		}
	}
	return nil
}

func applied(text string, edits []edit) string {
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].from > edits[j].from })
	for _, e := range edits {
		text = text[:e.from] + e.text + text[e.to:]
	}
	return text
}

// lineStarts are the offsets at which lines begin.
func lineStarts(text string) []int {
	out := []int{0}
	for i := range len(text) {
		if text[i] == '\n' {
			out = append(out, i+1)
		}
	}
	return out
}
