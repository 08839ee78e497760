package oidc

import (
	"encoding/json"
	"math"
	"time"
)

// Claims are what an ID token says (OpenID Connect Core 1.0, section 2), and the session tags that it may
// carry for AWS ("Passing session tags in AWS STS").
type Claims struct {
	Issuer, Subject string
	Audience        []string
	Party           string   // azp
	Methods         []string // amr
	Expires         time.Time
	NotBefore       time.Time // zero for none
	IssuedAt        time.Time // zero for none
	Tags            []Tag
	Transitive      []string // keys of tags that pass on
}

// Tag is a session tag.
type Tag struct{ Key, Value string }

type rawClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  texts    `json:"aud"`
	Party     string   `json:"azp"`
	Methods   texts    `json:"amr"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	IssuedAt  *float64 `json:"iat"`
	Tags      *struct {
		Principal  map[string]texts `json:"principal_tags"`
		Transitive []string         `json:"transitive_tag_keys"`
	} `json:"https://aws.amazon.com/tags"`
}

// texts is a string or a list of strings.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*t = texts{""}
		return json.Unmarshal(data, &(*t)[0])
	}
	return json.Unmarshal(data, (*[]string)(t))
}

func readClaims(data []byte) (Claims, error) {
	var raw rawClaims
	if err := json.Unmarshal(data, &raw); err != nil {
		return Claims{}, ErrNotToken
	}
	if raw.Issuer == "" || raw.Subject == "" || len(raw.Audience) == 0 || raw.Expires == nil {
		return Claims{}, ErrNotToken
	}
	c := Claims{
		Issuer: raw.Issuer, Subject: raw.Subject, Audience: raw.Audience, Party: raw.Party,
		Methods: raw.Methods,
		Expires: moment(raw.Expires), NotBefore: moment(raw.NotBefore), IssuedAt: moment(raw.IssuedAt),
	}
	if raw.Tags == nil {
		return c, nil
	}
	for key, values := range raw.Tags.Principal {
		if len(values) != 1 {
			return Claims{}, ErrNotToken
		}
		c.Tags = append(c.Tags, Tag{key, values[0]})
	}
	c.Transitive = raw.Tags.Transitive
	return c, nil
}

// moment is a NumericDate (RFC 7519). One beyond what a time can be is as far away as can be.
func moment(seconds *float64) time.Time {
	const farAway = 1 << 40
	if seconds == nil {
		return time.Time{}
	}
	return time.Unix(int64(math.Max(-farAway, math.Min(*seconds, farAway))), 0)
}

// Clients are the applications that the token is for: the one that asked for it, or else the audience.
func (c *Claims) Clients() []string {
	if c.Party != "" {
		return []string{c.Party}
	}
	return c.Audience
}
