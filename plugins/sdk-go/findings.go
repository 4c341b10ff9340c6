package sdk

// Findings is an error of a configuration as what Check answers: none for none.
func Findings(err error) []Finding {
	if err == nil {
		return nil
	}
	own := AsError(err)
	return []Finding{{Field: own.Field, Message: own.Message}}
}
