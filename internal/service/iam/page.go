package iam

import (
	"encoding/base64"
	"slices"
	"strings"
)

const defaultPage = 100

// page is one page of a list, as every listing of IAM has it.
type page[T any] struct {
	items     []T
	truncated *bool
	marker    *string
}

// pageOf cuts a list into pages. key gives each item a name of its own, by which the list is put in order;
// the marker is the name of the last item, in a form that nobody is to read.
func pageOf[T any](items []T, key func(T) string, marker *string, maxItems *int64) (page[T], error) {
	size := defaultPage
	if maxItems != nil {
		size = int(*maxItems)
	}
	slices.SortFunc(items, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	if marker != nil {
		after, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil {
			return page[T]{}, invalid("Invalid Marker.")
		}
		items = slices.DeleteFunc(items, func(item T) bool { return key(item) <= string(after) })
	}
	if len(items) <= size {
		return page[T]{items: items, truncated: new(false)}, nil
	}
	items = items[:size]
	next := base64.RawURLEncoding.EncodeToString([]byte(key(items[size-1])))
	return page[T]{items: items, truncated: new(true), marker: &next}, nil
}

// each turns the items of a page into those of an answer.
func each[T, Shape any](items []T, shape func(T) Shape) []Shape {
	out := make([]Shape, 0, len(items))
	for _, item := range items {
		out = append(out, shape(item))
	}
	return out
}
