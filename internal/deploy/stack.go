// Package deploy runs stacks: it makes what a template describes, changes it to what another template
// describes, takes it back when a step fails, and deletes it.
//
// Callers may rely on this. What is to be done and what was done is durable before and after each step, so
// that after a crash at any moment each operation goes on to a terminal status, and nothing is made twice or
// left over. A stack has one operation at a time. Everything that a resource needs is done by the operations
// of services, as the caller or as the stack's role (P10), and policies decide about each (P6). Statuses,
// events and reasons are CloudFormation's, in its order and words: they are what people and programs read a
// deployment by, so this package words them and not a service.
package deploy

import (
	"encoding/json"
	"strings"
	"time"
)

// A Status is what a stack or a resource is in.
type Status string

// The statuses of stacks; the first six are those of resources too, and so are updateFailed and skipped.
const (
	CreateInProgress Status = "CREATE_IN_PROGRESS"
	CreateFailed     Status = "CREATE_FAILED"
	CreateComplete   Status = "CREATE_COMPLETE"
	DeleteInProgress Status = "DELETE_IN_PROGRESS"
	DeleteFailed     Status = "DELETE_FAILED"
	DeleteComplete   Status = "DELETE_COMPLETE"

	ReviewInProgress         Status = "REVIEW_IN_PROGRESS"
	RollbackInProgress       Status = "ROLLBACK_IN_PROGRESS"
	RollbackFailed           Status = "ROLLBACK_FAILED"
	RollbackComplete         Status = "ROLLBACK_COMPLETE"
	UpdateInProgress         Status = "UPDATE_IN_PROGRESS"
	UpdateCleanup            Status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
	UpdateComplete           Status = "UPDATE_COMPLETE"
	UpdateFailed             Status = "UPDATE_FAILED"
	UpdateRollbackInProgress Status = "UPDATE_ROLLBACK_IN_PROGRESS"
	UpdateRollbackFailed     Status = "UPDATE_ROLLBACK_FAILED"
	UpdateRollbackCleanup    Status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
	UpdateRollbackComplete   Status = "UPDATE_ROLLBACK_COMPLETE"

	DeleteSkipped Status = "DELETE_SKIPPED"
)

// Moves reports whether a status passes by itself.
func (s Status) Moves() bool {
	return strings.HasSuffix(string(s), "_IN_PROGRESS") && s != ReviewInProgress
}

// Failed reports whether something in the status did not succeed.
func (s Status) Failed() bool { return strings.HasSuffix(string(s), "_FAILED") }

// Updatable reports whether a stack in the status takes an update.
func (s Status) Updatable() bool {
	switch s {
	case CreateComplete, UpdateComplete, UpdateRollbackComplete, UpdateFailed, CreateFailed:
		return true
	}
	return false
}

// Deletable reports whether a stack in the status takes a deletion.
func (s Status) Deletable() bool { return !s.Moves() && s != DeleteComplete }

// A Scope is where a stack lives.
type Scope struct{ Account, Region string }

// A Stack is the record of one. Stacks that the engine gives out are copies.
type Stack struct {
	ID      string    `json:"id"` // the ARN
	UUID    string    `json:"uuid"`
	Name    string    `json:"name"`
	Scope   Scope     `json:"scope"`
	Status  Status    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated,omitzero"` // by an operation after the first, or by a change set
	Deleted time.Time `json:"deleted,omitzero"`

	Settings
	// Generation is that of the templates which the stack has; 0 before the first operation.
	Generation  int         `json:"generation"`
	Description string      `json:"description,omitempty"`
	Parameters  []Parameter `json:"parameters,omitempty"`
	Outputs     []Output    `json:"outputs,omitempty"`

	ChangeSetID string `json:"changeSetId,omitempty"`
	// the stack that a nested one belongs to, and the outermost one
	Parent    string `json:"parent,omitempty"`
	Root      string `json:"root,omitempty"`
	Protected bool   `json:"protected,omitempty"`
	Policy    string `json:"policy,omitempty"`

	// Operation is what is being done, nil between operations.
	Operation *Operation `json:"operation,omitempty"`
	// Tokens are the clients' tokens of operations, so that a repeated request is known.
	Tokens []TokenUse `json:"tokens,omitempty"`
	// Sequence numbers the stack's events.
	Sequence int `json:"sequence"`
}

// Settings are what a caller says about a stack beside its template.
type Settings struct {
	Capabilities     []string          `json:"capabilities,omitempty"`
	Tags             map[string]string `json:"tags,omitempty"`
	NotificationARNs []string          `json:"notificationArns,omitempty"`
	RoleARN          string            `json:"roleArn,omitempty"`
	DisableRollback  bool              `json:"disableRollback,omitempty"`
	// OnFailure is what becomes of a stack whose creation fails: ROLLBACK, DELETE or DO_NOTHING.
	OnFailure string `json:"onFailure,omitempty"`
}

// A Parameter is a parameter as it was given and as it was resolved.
type Parameter struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Resolved string `json:"resolved,omitempty"`
	NoEcho   bool   `json:"noEcho,omitempty"`
}

// An Output is one with its value.
type Output struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	Export      string `json:"export,omitempty"`
}

// A Kind is what an operation is about.
type Kind string

// The kinds of operations.
const (
	Create         Kind = "create"
	Update         Kind = "update"
	Delete         Kind = "delete"
	Rollback       Kind = "rollback"       // of a creation
	UpdateRollback Kind = "updateRollback" // of an update
)

// An Operation is the durable state of what is being done to a stack.
type Operation struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Target is the generation of templates that a creation or update is about.
	Target int `json:"target,omitempty"`
	// Cleaning says that all steps were taken, and what is no longer needed is being deleted.
	Cleaning bool `json:"cleaning,omitempty"`
	// Caller is on whose behalf, as auth.Caller.
	Caller json.RawMessage `json:"caller"`
	// Token is the caller's, on every event.
	Token string `json:"token,omitempty"`
	// Settings and Parameters take the place of the stack's when an update succeeds.
	Settings   Settings    `json:"settings"`
	Parameters []Parameter `json:"parameters,omitempty"`
	// Retain are the resources that a deletion skips, Skip those that the rollback of an update leaves as
	// they are.
	Retain []string `json:"retain,omitempty"`
	Skip   []string `json:"skip,omitempty"`
	// Cancelled says that somebody asked for an end of the update.
	Cancelled bool `json:"cancelled,omitempty"`
	// DeadlineAt is when a creation is given up; zero for never.
	DeadlineAt time.Time `json:"deadlineAt,omitzero"`
	// Policy is the stack policy that holds for this update alone.
	Policy string `json:"policy,omitempty"`
}

// A Resource is the record of one resource of a stack.
type Resource struct {
	ID       string    `json:"id"` // in the template
	Type     string    `json:"type"`
	Status   Status    `json:"status"`
	Reason   string    `json:"reason,omitempty"`
	Changed  time.Time `json:"changed"`
	Metadata string    `json:"metadata,omitempty"`
	// Live is what exists; its Physical is empty before it does.
	Live Instance `json:"live"`
	// Needs are the resources that this one needs: they are deleted after it.
	Needs []string `json:"needs,omitempty"`

	// Step is the change that is under way or was cut short, nil between steps.
	Step *Step `json:"step,omitempty"`
	// Before is what existed before the update that changed it: what a rollback goes back to, and what a
	// cleanup deletes if it was replaced. Made says that the update under way made it.
	Before *Instance `json:"before,omitempty"`
	Made   bool      `json:"made,omitempty"`
	// Restored says that the rollback of an update has brought back what was before; Before is what had
	// replaced it then.
	Restored bool `json:"restored,omitempty"`
	// Operation is the last one that dealt with it.
	Operation string `json:"operation,omitempty"`
}

// An Instance is one thing that was made, with what it was made of.
type Instance struct {
	Physical   string          `json:"physical,omitempty"`
	Ref        string          `json:"ref,omitempty"` // what Ref gives
	Properties json.RawMessage `json:"properties,omitempty"`
	Attributes json.RawMessage `json:"attributes,omitempty"` // what Fn::GetAtt gives, by name
	// Deletion and Replacement are the policies on it: Delete, Retain, RetainExceptOnCreate.
	Deletion    string `json:"deletion,omitempty"`
	Replacement string `json:"replacement,omitempty"`
}

// Replaced reports whether the update under way made another thing in place of what was there.
func (r *Resource) Replaced() bool {
	return r.Before != nil && r.Before.Physical != "" && r.Before.Physical != r.Live.Physical
}

// An Action is what a step does.
type Action string

// The actions of steps.
const (
	Making   Action = "create"
	Changing Action = "update"
	Removing Action = "delete"
)

// A Step is one call of a resource type. It is durable before the call, so that a crash in the middle of it
// is noticed, and carries what makes its repetition find what the first attempt did.
type Step struct {
	Action Action `json:"action"`
	// Token is unique to the step, and the same when it is repeated.
	Token string `json:"token"`
	// Name is the physical name that was chosen for something new; empty where the service gives one.
	Name       string          `json:"name,omitempty"`
	Properties json.RawMessage `json:"properties,omitempty"`
}

// An Event is one line of a stack's history.
type Event struct {
	ID         string    `json:"id"`
	Sequence   int       `json:"sequence"`
	At         time.Time `json:"at"`
	Logical    string    `json:"logical"`
	Physical   string    `json:"physical"`
	Type       string    `json:"type"`
	Status     Status    `json:"status"`
	Reason     string    `json:"reason,omitempty"`
	Properties *string   `json:"properties,omitempty"`
	Token      string    `json:"token,omitempty"`
}

// StackType is the type of stacks themselves in events.
const StackType = "AWS::CloudFormation::Stack"
