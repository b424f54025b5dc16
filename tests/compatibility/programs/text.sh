# image programs 1G 300
# findutils, sed, gawk and grep beyond what the sessions do.
mkdir -p t/a/b t/c; seq 100 >t/a/n; seq 5 >t/a/b/five; : >t/c/empty; ln -s ../a t/c/link; mkfifo t/c/p; touch -d @1000000000 t/a/n; chmod 640 t/a/n; chmod 2755 t/c; ln -s t/a loop; ln -s .. t/a/up
find t -type f -size +1c | sort; find t -empty; find t -type l -printf '%p -> %l %Y\n' | sort; find t -perm 640; find t -perm -2000; find -L t -type f 2>/dev/null | wc -l; find -L t 2>&1 | grep -c loop
find t -name '[a-f]*' -prune -o -print | sort; find t -regex '.*/[ab]/.*' | sort; find t -mtime +3000; find t -newer t/a/n -type f | sort; find t -links 1 -type f | wc -l; find t -maxdepth 1 -mindepth 1 | sort
find t -type f -exec grep -l 5 {} + | sort; find t -type f -execdir echo {} \; | sort; find t -type f -print0 | xargs -0 -n 1 -P 4 wc -c | sort; find t -samefile t/a/n; find t -name five -delete; find t -type f | sort
seq 50 | xargs -n 7 -P 3 echo | wc -l; seq 10 | xargs -I X sh -c 'exit X' ; echo $?; seq 3 | xargs -n1 sh -c 'kill -9 $$' 2>/dev/null; echo $?; echo a | xargs nonexistent 2>/dev/null; echo $?; xargs -a t/a/n -s 100 echo | wc -l; yes | head -n 100000 | xargs | wc -c
sed -n '2,4p;$=' t/a/n; sed '1~10!d;s/1/<&>/g' t/a/n; sed -E 's/(.)(.)/\2\1/;t x;d;:x' t/a/n | head -n 3; sed -n '/^1.$/{=;p}' t/a/n | head -n 4; sed 'N;N;s/\n/,/g;y/123/abc/' t/a/n | tail -n 2
sed -i.bak '1d;$d' t/a/n; wc -l t/a/n t/a/n.bak | head -n 2; sed -s -n '$p' t/a/n t/a/n.bak; sed '/3/w out' t/a/n | tail -n 1; wc -l <out; sed -n '5{r /etc/hostname
q}' t/a/n; sed 'e echo run' <<<x; sed 's/x/echo ran/e' <<<x; sed -z 's/\n/+/g' <<<$'1\n2'; sed '$!G;h;$!d' <<<$'1\n2\n3'; sed --posix 's/a\|b/X/' <<<'a|b'; sed q5 <<<x; echo $?; sed bad 2>/dev/null </dev/null; echo $?
gawk 'BEGIN { printf "%d %s %.2f %x\n", 42, "s", 3.14159, 255; print length("héllo"), toupper("abc"), substr("hello", 2, 3), index("abc", "c") }'
gawk -F: '{ n[$NF]++ } END { PROCINFO["sorted_in"] = "@ind_str_asc"; for (s in n) print s, n[s] }' /etc/passwd
gawk 'BEGIN { while (("seq 3" | getline x) > 0) s += x; print s; close("seq 3"); print "b\na" | "sort"; close("sort"); c = "tr a-z A-Z"; print "co" |& c; close(c, "to"); c |& getline y; print y, close(c); print system("exit 3") }'
gawk 'BEGIN { print strftime("%Y", 0, 1), (mktime("1970 01 02 00 00 00") > 0), and(12, 10), xor(12, 10), lshift(1, 5), strtonum("0x1f"); print gensub(/(a)(b)/, "\\2\\1", "g", "abab"), match("xabc", /b/), RSTART; split("a:b:c", p, ":"); n = asort(p); print n, p[3]; a[1][2] = 3; print isarray(a[1]) }'
seq 100000 | gawk '{ s += $1; h[$1 % 97] = $1 } END { print s, length(h), NR }'; gawk '@load "filefuncs"; BEGIN { print 1 }' 2>/dev/null; gawk 'BEGIN { RS = "" } { print NF }' <<<$'a b\nc\n\nd'; gawk 'BEGINFILE { print FILENAME } ERRNO { nextfile } ENDFILE { print FNR }' t/a/n none 2>/dev/null; gawk 'BEGIN { exit 7 }'; echo $?
gawk 'BEGIN { "/bin/sh -c \"exit 4\"" | getline; print close("/bin/sh -c \"exit 4\""); print ENVIRON["LC_ALL"], ARGC, PROCINFO["version"]; printf "%s\n", "to err" >"/dev/stderr"; getline l <"/etc/hostname"; print l }' 2>&1
grep -c 1 t/a/n; grep -E '^(1|2)[0-9]$' t/a/n | wc -l; grep -P '(?<=1)\d(?=$)' -o t/a/n | sort -u | tr -d '\n'; echo; grep -rn 9 t --include='n' | head -n 2; grep -rlZ 5 t | tr '\0' '\n' | sort; grep -A1 -B1 -m1 50 t/a/n; grep -w 5 t/a/n; grep -vc 1 t/a/n; grep -F -x -f - t/a/n <<<$'7\n70'
printf 'a\0b\n' | grep a; printf 'a\0b\n' | grep -a -o b; grep -q 50 t/a/n; echo $?; grep x none 2>/dev/null; echo $?; grep -s x none; echo $?; seq 1000000 | grep -c 7; echo ABC | grep -io b; echo 'x=1,y=2' | grep -oE '[a-z]=[0-9]'; grep -L 5 t/a/n t/c/empty; grep -b 20 t/a/n | head -n 1; yes | head -n 1000 | (grep -q y; echo $?); mkdir dd; grep x dd; echo $?; grep -c . t/c/empty <t/c/empty
true
