# image java 2G 600 long
# OpenJDK: its version, a threaded program with files, sockets, children; all its collectors; without a compiler.
PATH=$PATH:$(echo /usr/lib/jvm/java-17-openjdk-amd64/bin)
java -version 2>&1 | grep -o 'openjdk version "17\|OpenJDK 64-Bit Server VM'
cd /t/java
java -Xmx128m Work; echo $?
for how in -XX:+UseSerialGC -XX:+UseParallelGC -Xint; do java $how -Xmx128m Work | md5sum; done
[ "$FULL" = 1 ] && for how in -XX:+UseZGC -XX:+UseShenandoahGC -XX:TieredStopAtLevel=1 -XX:+UseLargePages; do java $how -Xlog:disable -Xmx128m Work 2>/dev/null | md5sum; done
java -Xmx128m NoSuch 2>&1 | head -n 1; echo ${PIPESTATUS[0]}; java -Xmx64m -XX:+PrintFlagsFinal -version 2>/dev/null | grep -c MaxHeapSize; java -Xshare:dump -version >/dev/null 2>&1; java -XshowSettings:system -version 2>&1 | grep -c 'Operating System'
true
