package main

var version = ""

func main() { println(version) }
