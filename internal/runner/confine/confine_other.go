//go:build !linux

package confine

import "errors"

// LandlockVersion is 0 where there is no landlock.
func LandlockVersion() int { return 0 }

func launch() int { return 1 }

func lockdown() error { return errors.New("functions run on Linux alone") }
