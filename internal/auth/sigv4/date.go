package sigv4

import (
	"net/http"
	"strconv"
	"time"
)

const (
	basicFormat = "20060102T150405Z"

	// skew is how far the clocks of client and server may differ: "a request must reach AWS within five
	// minutes of the time stamp in the request" (Elements of an AWS API request signature).
	skew = 5 * time.Minute

	maxExpires = 604800 // seconds: the longest life of a presigned request, seven days
)

// checkTime checks that the request was signed around now, or for longer if it is presigned, and on the day
// of its scope.
func (g *signature) checkTime(now time.Time) error {
	if err := g.readTime(); err != nil {
		return err
	}
	if string(g.stamp[:8]) != string(g.parts[1]) {
		return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "+
			"from HTTP: '",
			string(g.parts[1]), "' != '", string(g.stamp[:8]), "', from '", string(g.stamp[:]), "'.")
	}
	lifetime, err := g.lifetime()
	if err != nil {
		return err
	}
	at := now.UTC()
	if earliest := at.Add(-lifetime); g.time.Before(earliest.Truncate(time.Second)) {
		return invalid("Signature expired: ", string(g.stamp[:]), " is now earlier than ",
			earliest.Format(basicFormat), " (",
			at.Format(basicFormat), " - ", inMinutes(lifetime), ")")
	}
	if latest := at.Add(skew); g.time.After(latest) {
		return invalid("Signature not yet current: ", string(g.stamp[:]), " is still later than ",
			latest.Format(basicFormat), " (",
			at.Format(basicFormat), " + ", inMinutes(skew), ")")
	}
	return nil
}

func inMinutes(d time.Duration) string {
	if d%time.Minute != 0 {
		return strconv.Itoa(int(d/time.Second)) + " sec."
	}
	return strconv.Itoa(int(d/time.Minute)) + " min."
}

// lifetime is how long after its time the signature is good.
func (g *signature) lifetime() (time.Duration, error) {
	if g.expires == nil {
		return skew, nil
	}
	seconds, ok := digits(g.expires)
	if !ok || seconds < 1 || seconds > maxExpires {
		return 0, incomplete("X-Amz-Expires must be a number of seconds between 1 and 604800, got '",
			string(g.expires), "'")
	}
	return time.Duration(seconds) * time.Second, nil
}

// readTime reads the date in ISO 8601 basic form, or in a form that RFC 9110 allows for the Date header.
func (g *signature) readTime() error {
	var ok bool
	if g.time, ok = parseBasic(g.date); ok {
		copy(g.stamp[:], g.date)
		return nil
	}
	var err error
	if g.time, err = http.ParseTime(string(g.date)); err != nil {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '", string(g.date),
			"'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	g.time.AppendFormat(g.stamp[:0], basicFormat)
	return nil
}

// parseBasic reads 20150830T123600Z. Days that a month does not have are refused.
func parseBasic(b []byte) (time.Time, bool) {
	if len(b) != 16 || b[8] != 'T' || b[15] != 'Z' {
		return time.Time{}, false
	}
	date, ok1 := digits(b[:8])
	clock, ok2 := digits(b[9:15])
	if !ok1 || !ok2 || date < 1000_00_00 || clock/10000 > 23 || clock/100%100 > 59 || clock%100 > 59 {
		return time.Time{}, false
	}
	t := time.Date(date/10000, time.Month(date/100%100), date%100, clock/10000, clock/100%100, clock%100, 0,
		time.UTC)
	return t, t.Day() == date%100 && int(t.Month()) == date/100%100
}

// digits reads up to nine decimal digits.
func digits(b []byte) (n int, ok bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
