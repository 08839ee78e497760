package attribute

// MaxItemSize is the largest Size that DynamoDB stores: 400 KB.
const MaxItemSize = 400 << 10

// MaxNesting is how many maps and lists may enclose a value in an item, the item itself included. DynamoDB
// accepts 31 maps around a value in an attribute and refuses 32.
const MaxNesting = 32

// maxNumberSize is what a number takes at most.
const maxNumberSize = 21

// Size is what DynamoDB counts for the value ("DynamoDB item sizes and formats" of the Developer Guide),
// without a name. A number takes one byte, one more for each pair of digits between its first and last
// significant ones, the pairs counted from the decimal point, and one more if it is negative, which is the
// length of its compact form.
func (v Value) Size() int {
	switch v.Kind() {
	case Invalid:
		return 0
	case S, B:
		return len(v) - 1
	case N:
		return min(len(v)-1, maxNumberSize)
	case BOOL, NULL:
		return 1
	case M:
		return 3 + v.Len() + Item(v).Size()
	}
	size := 0
	for _, element := range v.Elements() {
		size += element.Size()
	}
	if v.Kind() == L {
		size += 3 + v.Len()
	}
	return size
}

// Size is what DynamoDB counts for the item: the sum over its attributes of the bytes of the name and the
// Size of the value.
func (it Item) Size() int {
	size := 0
	for name, value := range it.All() {
		size += len(name) + value.Size()
	}
	return size
}

// Depth is how many maps and lists are nested in v, itself included: 0 for scalars and sets, 1 for a map of
// scalars.
func (v Value) Depth() int {
	deepest := 0
	switch v.Kind() {
	case M:
		for _, value := range Item(v).All() {
			deepest = max(deepest, value.Depth())
		}
	case L:
		for _, value := range v.Elements() {
			deepest = max(deepest, value.Depth())
		}
	default:
		return 0
	}
	return 1 + deepest
}

// CheckNesting returns DynamoDB's ValidationError when the item is nested deeper than MaxNesting. ReadItem
// has checked it already; an update can nest one document into another and so needs it.
func (it Item) CheckNesting() error {
	if Value(it).Depth() > MaxNesting {
		return invalid(textNested)
	}
	return nil
}
