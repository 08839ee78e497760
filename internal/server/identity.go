package server

import (
	"sync/atomic"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/accountapi"
	"github.com/sealtable/sealtable/internal/api/cloudformationapi"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/api/lambdaapi"
	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/credentials"
	"github.com/sealtable/sealtable/internal/auth/sigv4"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/wire/router"
)

// rootSecrets knows the root access keys of the installation's accounts and no other. They lie in the
// configuration directory.
type rootSecrets struct {
	known atomic.Pointer[map[string]sigv4.Credential]
}

// put takes over the keys as they are now.
func (s *rootSecrets) put(account string, key credentials.Key, further []credentials.Account) {
	known := map[string]sigv4.Credential{}
	for _, a := range further {
		known[a.Key.ID] = rootCredential(a.ID, a.Key)
	}
	known[key.ID] = rootCredential(account, key)
	s.known.Store(&known)
}

func rootCredential(account string, key credentials.Key) sigv4.Credential {
	root := &auth.Caller{Type: auth.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root",
		UserID: account}
	return sigv4.Credential{Secret: key.Secret, Caller: root}
}

// Secret implements sigv4.Secrets.
func (s *rootSecrets) Secret(accessKeyID string) (sigv4.Credential, bool) {
	credential, ok := (*s.known.Load())[accessKeyID]
	return credential, ok
}

// accounts are the accounts of the keys, by the keys' ids.
func (s *rootSecrets) accounts() map[string]string {
	accounts := map[string]string{}
	if known := s.known.Load(); known != nil {
		for id, credential := range *known {
			accounts[id] = credential.Caller.Account
		}
	}
	return accounts
}

// of says whether the root user of an account has an access key.
func (s *rootSecrets) of(account string) bool {
	for _, credential := range *s.known.Load() {
		if credential.Caller.Account == account {
			return true
		}
	}
	return false
}

// accessKeys are all keys that anybody can sign with: the root user's, which lies in the configuration
// directory, and those of the directory.
type accessKeys struct {
	root   *rootSecrets
	people *identity.Directory
}

// Secret implements sigv4.Secrets.
func (k *accessKeys) Secret(accessKeyID string) (sigv4.Credential, bool) {
	if credential, ok := k.root.Secret(accessKeyID); ok {
		return credential, true
	}
	return k.people.Secret(accessKeyID)
}

// AccountOf implements sts.Accounts.
func (k *accessKeys) AccountOf(accessKeyID string) (string, bool) {
	if credential, ok := k.root.Secret(accessKeyID); ok {
		return credential.Caller.Account, true
	}
	return k.people.AccountOf(accessKeyID)
}

// used lets the directory know which keys and roles are in use.
type used struct {
	next   service.Recorder
	people *identity.Directory
}

// Record implements service.Recorder.
func (u used) Record(r service.Record) {
	u.people.Used(r.Caller, r.Service)
	u.next.Record(r)
}

// operations finds endpoints for the router. A name in credential scopes may stand for several operation
// tables, of different operations: that of the database is also that of its streams.
type operations map[string][]*service.Table

func newOperations(tables ...*service.Table) operations {
	o := operations{}
	for _, t := range tables {
		o[t.Name()] = append(o[t.Name()], t)
	}
	return o
}

// Lookup implements router.Operations.
func (o operations) Lookup(name, operation string) (router.Endpoint, bool) {
	for _, table := range o[name] {
		if bound, ok := table.Lookup(operation); ok {
			return bound, true
		}
	}
	return nil, false
}

// knownServices are the services that the router knows, whether or not this installation answers them.
func knownServices() []api.ServiceInfo {
	return []api.ServiceInfo{
		dynamodbapi.Describe(), dynamodbstreamsapi.Describe(), kmsapi.Describe(), stsapi.Describe(),
		iamapi.Describe(),
		cloudformationapi.Describe(), lambdaapi.Describe(), accountapi.Describe(),
	}
}
