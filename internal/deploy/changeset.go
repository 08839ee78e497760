package deploy

import "time"

// A ChangeSet is a change that was worked out and may be executed.
type ChangeSet struct {
	ID        string    `json:"id"` // the ARN
	UUID      string    `json:"uuid"`
	Name      string    `json:"name"`
	Type      string    `json:"type"` // CREATE or UPDATE
	Status    string    `json:"status"`
	Reason    string    `json:"reason,omitempty"`
	Execution string    `json:"execution"`
	Created   time.Time `json:"created"`
}
