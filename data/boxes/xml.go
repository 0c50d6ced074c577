package boxes

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// vocFile is the content of an XML file of Pascal VOC's form.
type vocFile struct {
	filename, database string
	width, height      int
	objects            []vocObject
}

// vocObject is an object element.
type vocObject struct {
	line                            int
	name                            string
	xmin, ymin, xmax, ymax          float64
	left, top, right, bottom        bool // which of them are there
	difficult, truncated, malformed bool
	value                           string // that is malformed
}

// lineError is an error at a line.
type lineError struct {
	line int
	text string
}

func (e *lineError) Error() string { return e.text }

// maxDepth is the depth of elements that is read.
const maxDepth = 32

// parseVOC reads an XML file. Its errors are [*lineError].
func parseVOC(content []byte) (*vocFile, error) {
	d := xml.NewDecoder(bytes.NewReader(content))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252":
			return &latin{in: in}, nil
		}
		return nil, fmt.Errorf("the encoding %q is not UTF-8", short(charset))
	}
	file := &vocFile{}
	var path []string
	var text strings.Builder
	started := false
	for {
		token, err := d.Token()
		line, _ := d.InputPos()
		if err == io.EOF {
			if !started {
				return nil, &lineError{1, "has no annotation element; give a file of Pascal VOC's form"}
			}
			return file, nil
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				return nil, &lineError{syntax.Line, "is not well-formed XML (" + short(syntax.Msg) + "); repair it"}
			}
			return nil, &lineError{line, "is not XML that can be read (" + short(err.Error()) + "); repair it"}
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(path) == 0 && (token.Name.Local != "annotation" || started) {
				return nil, &lineError{line, fmt.Sprintf("has the element %s where annotation is expected; give a file of Pascal VOC's form", short(token.Name.Local))}
			}
			started = true
			if path = append(path, token.Name.Local); len(path) > maxDepth {
				return nil, &lineError{line, fmt.Sprintf("has elements in more than %d levels; repair it", maxDepth)}
			}
			text.Reset()
			if len(path) == 2 && path[1] == "object" {
				if len(file.objects) == maxObjects {
					return nil, &lineError{line, fmt.Sprintf("has more than %d objects; split the picture", maxObjects)}
				}
				file.objects = append(file.objects, vocObject{line: line})
			}
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			if err := file.set(strings.Join(path[1:], "/"), strings.TrimSpace(text.String())); err != nil {
				return nil, &lineError{line, err.Error()}
			}
			path = path[:len(path)-1]
			text.Reset()
		}
	}
}

// set stores the text of an element.
func (f *vocFile) set(element, text string) error {
	size := func(to *int) error {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !(v >= 0 && v <= maxDimension) {
			return fmt.Errorf("the %s %q is not a number of pixels; correct it", element, short(text))
		}
		*to = int(v)
		return nil
	}
	switch element {
	case "filename":
		f.filename = text
	case "source/database":
		f.database = text
	case "size/width":
		return size(&f.width)
	case "size/height":
		return size(&f.height)
	}
	if !strings.HasPrefix(element, "object/") {
		return nil
	}
	o := &f.objects[len(f.objects)-1]
	number := func(to *float64, there *bool) {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			o.malformed, o.value = true, text
		}
		*to, *there = v, true
	}
	switch element {
	case "object/name":
		o.name = text
	case "object/difficult":
		o.difficult = text == "1" || strings.EqualFold(text, "true")
	case "object/truncated":
		o.truncated = text == "1" || strings.EqualFold(text, "true")
	case "object/bndbox/xmin":
		number(&o.xmin, &o.left)
	case "object/bndbox/ymin":
		number(&o.ymin, &o.top)
	case "object/bndbox/xmax":
		number(&o.xmax, &o.right)
	case "object/bndbox/ymax":
		number(&o.ymax, &o.bottom)
	}
	return nil
}

// box returns the box of an object, or why it has none. VOC counts pixels from 1 and includes the last one.
func (f *vocFile) box(o vocObject) (b Box, problem string) {
	switch {
	case o.malformed:
		return b, fmt.Sprintf("%q is not a number; correct it", short(o.value))
	case !(o.left && o.top && o.right && o.bottom):
		return b, "the object has no bndbox with xmin, ymin, xmax and ymax; add it"
	case o.name == "":
		return b, "the object has no name; add it"
	}
	b = Box{o.xmin, o.ymin, o.xmax, o.ymax}
	if strings.HasPrefix(f.database, "The VOC") {
		b.X0, b.Y0 = b.X0-1, b.Y0-1
	}
	return b, ""
}

// latin turns Latin-1 into UTF-8.
type latin struct {
	in      io.Reader
	pending []byte
}

func (l *latin) Read(p []byte) (int, error) {
	if len(l.pending) == 0 {
		var b [512]byte
		n, err := l.in.Read(b[:])
		if n == 0 {
			return 0, err
		}
		runes := make([]rune, n)
		for i, c := range b[:n] {
			runes[i] = rune(c)
		}
		l.pending = []byte(string(runes))
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}
