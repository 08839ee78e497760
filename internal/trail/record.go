package trail

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// eventVersion is the version of CloudTrail's record format that records follow ("CloudTrail record
// contents").
const eventVersion = "1.11"

// appendRecord appends one line. Members and their casing are CloudTrail's.
func (t *Trail) appendRecord(dst []byte, r *service.Record, c class) []byte {
	longest, most := maxParameter, maxResources
	if c == refused {
		longest, most = maxRefusedParameter, maxRefusedResources
	}
	dst = append(dst, `{"eventVersion":"`+eventVersion+`","userIdentity":`...)
	dst = appendIdentity(dst, r.Caller)
	dst = append(dst, `,"eventTime":"`...)
	dst = t.o.Clock.Now().AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","eventSource":"`...)
	dst = append(append(dst, r.Service...), ".amazonaws.com"...)
	dst = appendMember(append(dst, '"'), "eventName", r.Operation)
	dst = appendMember(dst, "awsRegion", r.Caller.Region)
	dst = appendOrigin(dst, r.Caller)
	dst = appendOutcome(dst, r.Err)
	dst = append(dst, `,"requestParameters":`...)
	dst = appendParameters(dst, r.Needs.Noted(), longest)
	dst = append(dst, `,"responseElements":`...)
	dst = appendParameters(dst, r.Answer, longest)
	dst = appendMember(dst, "requestID", r.Caller.RequestID)
	dst = append(dst, `,"eventID":"`...)
	dst = t.events.append(dst)
	dst = append(dst, `","readOnly":`...)
	dst = appendBool(dst, readsOnly(r.Service, r.Operation))
	dst = appendResources(dst, r.Needs.All(), most)
	management := !isDataEvent(r.Service, r.Operation)
	dst = append(dst, `,"eventType":"AwsApiCall","managementEvent":`...)
	dst = appendBool(dst, management)
	dst = appendMember(dst, "recipientAccountId", r.Caller.Account)
	if management {
		return append(dst, `,"eventCategory":"Management"}`+"\n"...)
	}
	return append(dst, `,"eventCategory":"Data"}`+"\n"...)
}

func appendIdentity(dst []byte, c *auth.Caller) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(append(dst, c.Type...), '"')
	dst = appendMember(dst, "principalId", c.UserID)
	dst = appendMember(dst, "arn", c.ARN)
	dst = appendMember(dst, "accountId", c.Account)
	dst = appendMember(dst, "accessKeyId", c.AccessKeyID)
	if c.Via != "" {
		dst = appendMember(dst, "invokedBy", invokedBy(c.Via))
	}
	return append(dst, '}')
}

// appendOrigin says where the call came from: for one that a service made on the caller's behalf, that
// service.
func appendOrigin(dst []byte, c *auth.Caller) []byte {
	address, agent := c.SourceIP, c.UserAgent
	if c.Via != "" {
		address = invokedBy(c.Via)
		agent = address
	}
	return appendMember(appendMember(dst, "sourceIPAddress", address), "userAgent", cut(agent))
}

// invokedBy drops the region from a service endpoint, as CloudTrail does: dynamodb.us-east-1.amazonaws.com is
// dynamodb.amazonaws.com.
func invokedBy(via string) string {
	name, _, _ := strings.Cut(via, ".")
	return name + ".amazonaws.com"
}

// appendOutcome records the error's code. Its message is recorded only for a refused permission: other
// messages quote the request, and so could hold item data.
func appendOutcome(dst []byte, err error) []byte {
	if err == nil {
		return dst
	}
	dst = appendMember(dst, "errorCode", service.CodeOf(err))
	if denied := new(auth.DeniedError); errors.As(err, &denied) {
		dst = appendMember(dst, "errorMessage", cut(denied.Error()))
	}
	return dst
}

// appendParameters writes what was noted, in as many bytes at most: of what is too long, that it was there.
func appendParameters(dst []byte, noted []auth.Parameter, limit int) []byte {
	if len(noted) == 0 {
		return append(dst, "null"...)
	}
	dst = append(dst, '{')
	for _, p := range noted {
		dst = strictjson.AppendName(dst, p.Name)
		start := len(dst)
		dst = appendBounded(dst, p.Value, limit)
		if limit < maxParameter {
			limit = max(0, limit-(len(dst)-start))
		}
	}
	return append(dst, '}')
}

// How long things may be in a record, in bytes. CloudTrail keeps as much of all parameters together, of a
// message and of a user agent ("CloudTrail record contents"). A call may bring megabytes, such as an
// encryption context, before anybody knows whether it is allowed: it must neither fill the trail nor make a
// line that Scanner cannot open, which would hide what was recorded after it. Of a call that showed no right
// less is kept: of all its parameters together as much as maxRefusedParameter.
const (
	maxParameter        = 100 << 10
	maxRefusedParameter = 2 << 10
	maxText             = 1 << 10
	maxResources        = 1 << 20
	maxRefusedResources = 2 << 10
)

// cut keeps the beginning of a text.
func cut(s string) string { return s[:min(len(s), maxText)] }

// appendBounded writes a value, or that there was one which is too long.
func appendBounded(dst []byte, value any, limit int) []byte {
	start := len(dst)
	dst = appendValue(dst, value)
	size := len(dst) - start
	if size <= limit {
		return dst
	}
	dst = strconv.AppendInt(append(dst[:start], `{"omitted":true,"originalSize":`...), int64(size), 10)
	return append(dst, '}')
}

// appendValue writes the common kinds itself; a value that cannot be written is null rather than a broken
// line.
func appendValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendText(dst, v)
	case bool:
		return appendBool(dst, v)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, encoded...)
}

func appendResources(dst []byte, needs []auth.Need, limit int) []byte {
	start := len(dst)
	for i, need := range needs {
		if need.Resource == "*" || need.Resource == "" || repeated(needs[:i], need.Resource) {
			continue
		}
		if len(dst) > start && len(dst)-start+len(need.Resource) > limit {
			break
		}
		dst = appendARN(dst, len(dst) == start, need.Resource)
	}
	if len(dst) > start {
		dst = append(dst, ']')
	}
	return dst
}

func appendARN(dst []byte, first bool, resource string) []byte {
	if first {
		dst = append(dst, `,"resources":[`...)
	} else {
		dst = append(dst, ',')
	}
	return append(appendText(append(dst, `{"ARN":`...), resource), '}')
}

func repeated(needs []auth.Need, resource string) bool {
	return slices.ContainsFunc(needs, func(n auth.Need) bool { return n.Resource == resource })
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(dst, ',', '"')
	dst = append(append(dst, name...), '"', ':')
	if value == "" {
		return append(dst, "null"...)
	}
	return appendText(dst, value)
}

// appendText writes a text that may have come from outside, where it need not be valid UTF-8.
func appendText(dst []byte, s string) []byte {
	return strictjson.AppendString(dst, strings.ToValidUTF8(s, "\uFFFD"))
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

// readsOnly says what CloudTrail's readOnly says: KMS's cryptographic operations count as reads there.
func readsOnly(service, operation string) bool {
	for _, prefix := range []string{"Get", "List", "Describe", "Query", "Scan", "BatchGet", "TransactGet",
		"Simulate"} {
		if strings.HasPrefix(operation, prefix) {
			return true
		}
	}
	return service == "kms" && isCryptographic(operation)
}

func isCryptographic(operation string) bool {
	switch operation {
	case "Encrypt", "Decrypt", "ReEncrypt", "Sign", "Verify", "VerifyMac", "DeriveSharedSecret":
		return true
	}
	return strings.HasPrefix(operation, "Generate")
}

// isDataEvent says whether CloudTrail counts an operation as one on the data of a resource rather than on the
// resource.
func isDataEvent(service, operation string) bool {
	switch service {
	case "dynamodb":
		return strings.HasSuffix(operation, "Item") || strings.HasSuffix(operation, "Items") ||
			operation == "Query" || operation == "Scan" || strings.Contains(operation, "Execute")
	case "lambda":
		return operation == "Invoke"
	}
	return false
}

// eventIDs makes ids in the form of UUIDs that are unique without asking for randomness each time: a random
// half and a counter.
type eventIDs struct {
	high uint64
	next atomic.Uint64
}

func (e *eventIDs) seed() error {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	e.high = binary.BigEndian.Uint64(b[:8])
	e.next.Store(binary.BigEndian.Uint64(b[8:]))
	return nil
}

func (e *eventIDs) append(dst []byte) []byte {
	const digits = "0123456789abcdef"
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], e.high)
	binary.BigEndian.PutUint64(id[8:], e.next.Add(1))
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}
