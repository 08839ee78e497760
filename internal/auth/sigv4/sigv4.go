// Package sigv4 verifies AWS Signature Version 4 and says whose request it is.
//
// Callers may rely on this: Verify returns a scope and a credential without an error only for a request that
// was signed, within five minutes, with the secret of an access key that Secrets knows and that has not
// expired, over exactly the headers that its SignedHeaders list names, the host, every X-Amz- header, its
// path, its query and its whole body (but for the scope of S3, which no service here has); or, where
// Admission says so, for a request of an access key that Secrets does not know, but never for one that a
// browser sent for a web page. Nothing but these requests changes the state of a Verifier. What a request
// costs before its signature is known to be right is bounded.
//
// The method is described in "Create a signed AWS API request" and "Elements of an AWS API request signature"
// of the AWS Identity and Access Management User Guide.
package sigv4

import (
	"crypto/subtle"
	"hash/maphash"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
)

// Request is what must be seen of an HTTP request to verify it. Bytes are only read, and not kept.
type Request interface {
	Method() string
	Path() []byte  // before the question mark, as received
	Query() []byte // after the question mark, as received
	Host() []byte
	Body() []byte
	Fields() int                      // the number of header fields, Host not among them
	Field(i int) (name, value []byte) // the name in lower case
}

// Credential is what a store knows of an access key.
type Credential struct {
	Secret string
	// SessionToken is what the request must carry as X-Amz-Security-Token. It is empty for a long-term key,
	// which must not carry any.
	SessionToken string
	// Expires is when a session ends; zero for never.
	Expires time.Time
	// Caller holds the identity: Type, Account, ARN, UserID, MFA. It is shared by all requests of the key.
	Caller *auth.Caller
}

// Secrets finds credentials. It is asked for every request, so that a deleted key ends at once; it must be
// fast and safe for concurrent use.
type Secrets interface {
	Secret(accessKeyID string) (Credential, bool)
}

// Clock tells the time. Offset is how far it was moved ahead of the machine's: sessions expire by the moved
// clock, signatures grow stale by the machine's, because the clients that sign do not know that the clock was
// moved.
type Clock interface {
	Now() time.Time
	Offset() time.Duration
}

// Scope is the credential scope of a request.
type Scope struct {
	AccessKeyID, Date, Region, Service string
}

// Verifier verifies requests. It is safe for concurrent use.
type Verifier struct {
	secrets   Secrets
	clock     Clock
	admission Admission
	keys      keyCache
	scratch   sync.Pool
}

// New returns a Verifier that asks secrets for credentials. admission says what becomes of keys that secrets
// does not know.
func New(secrets Secrets, clock Clock, admission Admission) *Verifier {
	return &Verifier{secrets: secrets, clock: clock, admission: admission,
		keys: keyCache{seed: maphash.MakeSeed()}}
}

// Admission is what becomes of keys that nobody knows.
func (v *Verifier) Admission() Admission { return v.admission }

// Verify says who signed the request. The error is an *Error.
func (v *Verifier) Verify(req Request) (Scope, Credential, error) {
	s, ok := v.scratch.Get().(*scratch)
	if !ok {
		s = new(scratch)
	}
	scope, credential, err := v.verify(req, s)
	s.release()
	v.scratch.Put(s)
	return scope, credential, err
}

func (v *Verifier) verify(req Request, s *scratch) (Scope, Credential, error) {
	if err := s.signature.read(req); err != nil {
		return Scope{}, Credential{}, err
	}
	if err := s.signature.splitCredential(v.admission.isRegion); err != nil {
		return Scope{}, Credential{}, err
	}
	key := v.keys.find(s.signature.credential)
	if key == nil {
		key = s.signature.newKey()
	}
	credential, known := v.secrets.Secret(key.scope.AccessKeyID)
	if !known {
		admitted, err := v.admission.admit(req, key)
		if err != nil {
			return Scope{}, Credential{}, err
		}
		v.keys.keep(admitted)
		return admitted.scope, Credential{Caller: admitted.root}, nil
	}
	if err := v.check(req, s, key, credential); err != nil {
		return Scope{}, Credential{}, err
	}
	return key.scope, credential, nil
}

// check verifies a request of a known key, in the order in which AWS reports what is wrong.
func (v *Verifier) check(req Request, s *scratch, key *key, credential Credential) error {
	now := v.clock.Now()
	if err := s.signature.checkTime(now.Add(-v.clock.Offset())); err != nil {
		return err
	}
	if err := checkSigned(req, &s.signature); err != nil {
		return err
	}
	s.text = append(s.text[:0], credential.SessionToken...)
	if subtle.ConstantTimeCompare(s.signature.token, s.text) != 1 {
		return unknownKey()
	}
	if !credential.Expires.IsZero() && !now.Before(credential.Expires) {
		return &Error{Reason: TokenExpired, Message: "The security token included in the request is expired"}
	}
	key = key.withSecret(credential.Secret)
	if err := s.appendStringToSign(req, key.scope.Service); err != nil {
		return err
	}
	if !key.signed(s) {
		return mismatch()
	}
	v.keys.keep(key)
	return nil
}
