package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Record is as much of a line as filters and people look at. Its members are CloudTrail's.
type Record struct {
	EventTime    time.Time `json:"eventTime"`
	EventSource  string    `json:"eventSource"`
	EventName    string    `json:"eventName"`
	AWSRegion    string    `json:"awsRegion"`
	SourceIP     string    `json:"sourceIPAddress"`
	ErrorCode    string    `json:"errorCode"`
	UserIdentity struct {
		Type        string `json:"type"`
		PrincipalID string `json:"principalId"`
		ARN         string `json:"arn"`
		AccountID   string `json:"accountId"`
		AccessKeyID string `json:"accessKeyId"`
		InvokedBy   string `json:"invokedBy"`
	} `json:"userIdentity"`
	RequestParameters map[string]any `json:"requestParameters"`
	Resources         []struct {
		ARN string `json:"ARN"`
	} `json:"resources"`
	Recipient string `json:"recipientAccountId"`
}

// Parse reads a line.
func Parse(line []byte) (*Record, error) {
	r := new(Record)
	if err := json.Unmarshal(line, r); err != nil {
		return nil, fmt.Errorf("a line of the trail is no record: %w", err)
	}
	return r, nil
}

// Service is the name of the service as clients know it: dynamodb, kms.
func (r *Record) Service() string {
	name, _, _ := strings.Cut(r.EventSource, ".")
	return name
}

// Filter says which records are wanted. An empty member wants all; of several texts one must fit. Only Table,
// Key and User are compared in capitals as they are.
type Filter struct {
	Since, Until time.Time // Since included, Until not
	Events       []string  // names of operations
	Services     []string
	Users        []string // name, ARN, id or access key of whoever called
	Keys         []string // id or ARN of a KMS key, or alias/NAME as it was given
	Tables       []string // name or ARN
	Errors       []string // codes; * for any
	Accounts     []string // of the caller, or of what was called
	Regions      []string
}

// Wants says whether a record fits.
func (f *Filter) Wants(r *Record) bool {
	if !f.Since.IsZero() && r.EventTime.Before(f.Since) || !f.Until.IsZero() && !r.EventTime.Before(f.Until) {
		return false
	}
	return fitsOne(f.Events, func(s string) bool { return strings.EqualFold(s, r.EventName) }) &&
		fitsOne(f.Services, func(s string) bool { return strings.EqualFold(s, r.Service()) }) &&
		fitsOne(f.Errors, func(s string) bool {
			return r.ErrorCode != "" && (s == "*" || strings.EqualFold(s, r.ErrorCode))
		}) &&
		fitsOne(f.Accounts, func(s string) bool {
			return s == r.UserIdentity.AccountID || s == r.Recipient
		}) &&
		fitsOne(f.Regions, func(s string) bool { return strings.EqualFold(s, r.AWSRegion) }) &&
		fitsOne(f.Users, r.isUser) && fitsOne(f.Keys, r.isAboutKey) && fitsOne(f.Tables, r.isAboutTable)
}

func fitsOne(wanted []string, fits func(string) bool) bool {
	for _, s := range wanted {
		if fits(s) {
			return true
		}
	}
	return len(wanted) == 0
}

// isUser knows a user, role or session by its ARN, by a part of it between slashes, by its id, and by the
// access key.
func (r *Record) isUser(user string) bool {
	id := &r.UserIdentity
	if user == "" {
		return false
	}
	if user == id.ARN || user == id.PrincipalID || user == id.AccessKeyID {
		return true
	}
	if strings.EqualFold(user, "root") {
		return id.Type == "Root"
	}
	_, path, _ := strings.Cut(id.ARN, "/")
	return hasElement(path, user)
}

func hasElement(path, element string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == element {
			return true
		}
	}
	return false
}

// isAboutKey knows a key by what the call was allowed on, and by how the caller named it.
func (r *Record) isAboutKey(key string) bool {
	if named, _ := r.RequestParameters["keyId"].(string); named == key ||
		strings.HasSuffix(named, ":key/"+key) || strings.HasSuffix(named, ":"+key) {
		return true
	}
	for _, resource := range r.Resources {
		if resource.ARN == key || strings.HasSuffix(resource.ARN, ":key/"+key) {
			return true
		}
	}
	return false
}

// isAboutTable knows a table by what the call was allowed on, and by the encryption context of calls on its
// key, or that of a grant on it.
func (r *Record) isAboutTable(table string) bool {
	if named, _ := r.RequestParameters["tableName"].(string); named == table {
		return true
	}
	constraints, _ := r.RequestParameters["constraints"].(map[string]any)
	for _, found := range []any{r.RequestParameters["encryptionContext"],
		constraints["encryptionContextEquals"],
		constraints["encryptionContextSubset"]} {
		if context, _ := found.(map[string]any); context["aws:dynamodb:tableName"] == table {
			return true
		}
	}
	for _, resource := range r.Resources {
		_, path, found := strings.Cut(resource.ARN, ":table/")
		name, _, _ := strings.Cut(path, "/")
		if found && name == table || resource.ARN == table || strings.HasPrefix(resource.ARN, table+"/") {
			return true
		}
	}
	return false
}

func lineSeq(lines []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(lines) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			if len(line) > 0 && !yield(line) {
				return
			}
		}
	}
}
