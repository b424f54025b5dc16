# image programs 1G 300
# perl: the language, files, processes, sockets, signals, threads, some of its library.
perl -e 'print "v5.36\n" if $^V ge v5.36; print join(",", map { $_ * 2 } grep { $_ % 2 } 1 .. 9), "\n"'
perl -ne 'print if /o/; END { print "$.\n" }' <<<$'one\ntwo\nthree\nfour'
seq 5 | perl -pe 's/(\d)/<$1>/; tr/1-3/a-c/'; perl -F: -lane 'print $F[0] if $F[2] == 0' /etc/passwd
perl -e 'my %h; $h{$_}++ for split //, "mississippi"; print map { "$_$h{$_} " } sort keys %h; print "\n"'
echo abc >f; perl -i.old -pe 's/b/B/' f; cat f f.old
perl -e 'open my $f, "+>", "x" or die; print $f "line $_\n" for 1..1000; seek $f, 0, 0; my @l = <$f>; print scalar(@l), " ", -s "x", "\n"; truncate $f, 10; print -s "x", "\n"'
perl -e 'print((stat "x")[7], " ", -d "." ? "d" : "", -r "x" ? "r" : "", -l "x" ? "l" : "", "\n"); rename "x", "y"; symlink "y", "z"; print readlink "z", "\n"; unlink "y", "z"; print -e "y" ? 1 : 0, "\n"; open F, "<", "none" or print "$!\n"'
perl -e '$SIG{USR1} = sub { print "caught $_[0]\n" }; kill USR1 => $$; $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; sleep 10 }; print $@'
perl -e '$| = 1; pipe R, W; if (!fork) { close R; print W "child\n"; exit 3 } close W; print scalar <R>; wait; print $? >> 8, "\n"; print `echo sub`, system("exit 4") >> 8, "\n"; open P, "-|", "seq", 3; print <P>; close P'
perl -MSocket -e 'socketpair A, B, AF_UNIX, SOCK_STREAM, 0; syswrite A, "hello"; sysread B, $x, 9; print "$x\n"; shutdown A, 1; print sysread(B, $x, 1), "\n"'
perl -MIO::Socket::UNIX -e 'my $l = IO::Socket::UNIX->new(Local => "s", Listen => 5) or die $!; if (!fork) { my $c = IO::Socket::UNIX->new(Peer => "s"); print $c "from client\n"; exit } my $a = $l->accept; print <$a>; wait'
perl -MIO::Select -MIO::Handle -e 'pipe R, W; my $s = IO::Select->new(\*R); print scalar($s->can_read(0)), "\n"; syswrite W, "x"; print scalar($s->can_read(5)), "\n"'
perl -Mthreads -Mthreads::shared -e 'my $n :shared = 0; my @t = map { threads->create(sub { for (1 .. 200) { lock $n; $n++ } return shift }, $_) } 1 .. 8; my $r = 0; $r += $_->join for @t; print "$n $r\n"'
perl -Mthreads -MThread::Queue -e 'my $q = Thread::Queue->new; my $t = threads->create(sub { my $s = 0; while (defined(my $x = $q->dequeue)) { $s += $x } $s }); $q->enqueue($_) for 1 .. 100; $q->end; print $t->join, "\n"'
perl -MPOSIX -e 'print POSIX::floor(-1.5), " ", POSIX::strftime("%Y-%m-%d", gmtime 0), " ", POSIX::sysconf(_SC_PAGESIZE), "\n"; my $p = fork // die; if (!$p) { POSIX::_exit(9) } waitpid $p, 0; print WEXITSTATUS($?), "\n"; print join(" ", (uname)[0, 4]), "\n"'
perl -MFcntl=:flock -e 'open A, ">", "l"; open B, ">", "l"; flock A, LOCK_EX; print flock(B, LOCK_EX | LOCK_NB) ? "both" : "one", "\n"'
perl -MFile::Temp=tempdir -MFile::Find -MFile::Path=make_path,remove_tree -e 'my $d = tempdir(CLEANUP => 1); make_path "$d/a/b/c"; my $n = 0; find(sub { $n++ }, $d); print "$n\n"; remove_tree "$d/a"; print -e "$d/a" ? 1 : 0, "\n"'
perl -MTime::HiRes=time,usleep,ualarm -e 'my $t = time; usleep 20000; print time - $t >= 0.02 ? "slept" : "short", "\n"'
perl -MDigest::SHA=sha256_hex -MMIME::Base64 -MStorable=freeze,thaw -MData::Dumper -e 'print sha256_hex("abc"), "\n", encode_base64("exo"); $Data::Dumper::Indent = 0; print Dumper(thaw(freeze([1, {a => 2}]))), "\n"'
perl -MDB_File -e 'tie my %h, "DB_File", "db", O_RDWR | O_CREAT, 0644 or die $!; $h{$_} = $_ ** 2 for 1 .. 500; untie %h; tie %h, "DB_File", "db"; print scalar(keys %h), " $h{22}\n"'
perl -MIPC::Open3 -e 'my $p = open3(my $in, my $out, undef, "tr a-z A-Z"); print $in "shout\n"; close $in; print <$out>; waitpid $p, 0; print "$?\n"'
perl -MIO::Pty -e 1 2>/dev/null; perl -e 'my $s = ""; $s .= chr(65 + $_ % 26) x 1000 for 0 .. 9999; print length $s, " ", unpack("%32C*", $s), "\n"; print join(",", sort { $a <=> $b } map { ($_ * 7919) % 1000 } 1 .. 10), "\n"'
perl -e 'require "syscall.ph"' 2>/dev/null; perl -e 'print syscall(39) == $$ ? "getpid" : "no", "\n"; print getppid > 0 ? 1 : 0, " ", scalar(getpwuid 0), "\n"; $0 = "renamed"; open F, "/proc/self/cmdline"; print <F> =~ /renamed/ ? "renamed\n" : "no\n"; exit 42'; echo $?
perl -e 'die "gone\n"' 2>&1; echo $?; { perl -e 'kill 9, $$'; } 2>/dev/null; echo $?; perl -c -e 'print 1' 2>&1; perl -e 'if (' 2>/dev/null; echo $?
true
