# Here-documents and here-strings: through pipes when short, through files when long.
name=world
cat <<END
hello $name, $((6 * 7)), $(echo inner)
END
cat <<'END'
$name stays, `this` too
END
cat <<-END
	tabs go
	END
cat <<<"a here-string with $name"
while read -r a b; do echo "[$b|$a]"; done <<END
one two
three four five
END
body=$(printf 'line %d of a document that fills more than one pipe\n' $(seq 3000))
wc -c <<<"$body"
sum() { cksum | cut -d' ' -f1; }
sum <<<"$body"
cat <<A; cat <<B
first
A
second
B
cat /dev/fd/3 3<<END
on another descriptor
END
f() { cat; } <<END
bound to a function
END
f; f
