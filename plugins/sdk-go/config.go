package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sort"
	"strings"
)

// Decode reads a configuration into a pointer to a struct with `json` tags. A field that the struct does not have, and a value of another type, is an error with its path.
func Decode(config string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(config))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return Invalid("", "the configuration is no JSON: %v", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Invalid("", "the configuration is one JSON object, and something follows it")
	}
	if err := known(document, reflect.TypeOf(into), ""); err != nil {
		return err
	}
	err := json.NewDecoder(bytes.NewReader([]byte(config))).Decode(into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return Invalid(wrong.Field, "a %s was written, and %s is expected", wrong.Value, expected(wrong.Type))
	}
	if err != nil {
		return Invalid("", "the configuration cannot be read: %v", err)
	}
	return nil
}

// known refuses fields that a type does not have.
func known(document any, shape reflect.Type, path string) error {
	for shape.Kind() == reflect.Pointer {
		shape = shape.Elem()
	}
	if shape == reflect.TypeFor[SecretRef]() {
		return nil
	}
	switch value := document.(type) {
	case map[string]any:
		if shape.Kind() == reflect.Map {
			return each(value, func(name string) reflect.Type { return shape.Elem() }, path)
		}
		if shape.Kind() != reflect.Struct {
			return nil
		}
		fields := fields(shape)
		return each(value, func(name string) reflect.Type { return fields[name] }, path)
	case []any:
		if shape.Kind() != reflect.Slice {
			return nil
		}
		for i, element := range value {
			if err := known(element, shape.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func each(object map[string]any, shape func(string) reflect.Type, path string) error {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		inner := strings.TrimPrefix(path+"."+name, ".")
		found := shape(name)
		if found == nil {
			return Invalid(inner, "there is no such field; take it out, or correct its name")
		}
		if err := known(object[name], found, inner); err != nil {
			return err
		}
	}
	return nil
}

func fields(shape reflect.Type) map[string]reflect.Type {
	found := map[string]reflect.Type{}
	for i := range shape.NumField() {
		field := shape.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct:
			for name, inner := range fields(field.Type) {
				found[name] = inner
			}
		case field.IsExported() && name != "" && name != "-":
			found[name] = field.Type
		}
	}
	return found
}

func expected(shape reflect.Type) string {
	switch shape.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Int, reflect.Int64, reflect.Int32:
		return "a whole number"
	default:
		return "a " + shape.String()
	}
}
