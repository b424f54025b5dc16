# Names from directories: a tree of a few hundred files.
mkdir -p tree/{a,b,c}/{x,y}/deep
for i in $(seq 50); do : >"tree/a/x/file$i"; : >"tree/b/y/other$i.txt"; done
touch tree/.hidden 'tree/with space' tree/-dash 'tree/new
line'
echo tree/a/x/file1*
set -- tree/*/*/*; echo $#
shopt -s globstar dotglob nullglob extglob
set -- tree/**; echo $#
echo tree/*
echo tree/b/y/other?([12])+([05]).txt
echo tree/nothing*
set -- tree/**/!(*[0-9]*); echo $#
shopt -u nullglob; echo tree/nothing*
shopt -s nocaseglob; echo tree/a/x/FILE5
ls tree/a/x | wc -l
ls -A tree | cat
ls -R tree | wc -l
cd tree/a/x/deep && pwd | sed 's|.*/tree|tree|' && cd - >/dev/null
ln -s loop tree/loop; ls tree/loop/ 2>/dev/null; echo "loop: $?"
rm -r tree; [ -e tree ] || echo gone
