# What zsh offers for a command line, on a terminal of its own: zsh -f offers.zsh PROGRAM LINE
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; autoload -Uz compinit; compinit -u -D; source =(${(q)1} completion zsh)
offer() { zle list-choices; exit }
zle -N offer; bindkey '^I' offer; print RE''ADY"
zpty -r -m shell _ '*READY*'
zpty -w -n shell "$2"$'\t'
while zpty -r shell line; do print -r -- "$line"; done
