module colchis/lines-go

go 1.25

require colchis/sdk v0.0.0

require go.bytecodealliance.org/pkg v0.2.1 // indirect

replace colchis/sdk => ../sdk-go
